/**
 * 32 bits of a text, the same on every thread, host and version: where something has to fall on one of several places and whoever chooses the
 * text gains nothing by it. Not where strangers could fill one bucket: that takes a secret (`shm/keyed-hash.ts`). FNV-1a, then the last step
 * of MurmurHash3, since the low bits of FNV alone follow the last character. 0 is never the answer: it may stand for "none".
 */
export function hash32(text: string, seed = 0): number {
  let hash = seed ^ 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  const mixed = mix32(hash);
  return mixed === 0 ? 1 : mixed;
}

/** Spreads what is near: every bit of the word moves half of the bits of the answer (0 to 2³² − 1). */
export function mix32(word: number): number {
  let mixed = word;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
