/**
 * Name in the invalidation epochs that every purge by prefix bumps before it goes through the store. An answer whose request was
 * sent before must not stay in the store afterwards, whatever its URL: it may have come in behind the search. Who has published
 * or updated an object therefore asks `epochs.verdict([epochs.cellOf(PREFIX_PURGE_EPOCH)], sequence)`, and dooms the object
 * unless that is `valid`.
 */
export const PREFIX_PURGE_EPOCH = 'p';
