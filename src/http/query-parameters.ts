/** A target without the parameters of these names, however they are escaped; the rest of it stays byte for byte. */
export function withoutParameters(target: string, names: readonly string[]): string {
  const mark = target.indexOf('?');
  if (mark < 0) return target;
  const pairs = target.slice(mark + 1).split('&');
  const kept = pairs.filter((pair) => !names.includes(nameOf(pair)));
  if (kept.length === pairs.length) return target;
  return kept.length === 0 ? target.slice(0, mark) : `${target.slice(0, mark)}?${kept.join('&')}`;
}

/** The parameters of these names, however they are escaped, as they stand. `query` begins with `?`, or is empty. */
export function parametersNamed(query: string, names: readonly string[]): readonly string[] {
  return names.length === 0 || query === ''
    ? []
    : query
        .slice(1)
        .split('&')
        .filter((pair) => names.includes(nameOf(pair)));
}

function nameOf(pair: string): string {
  const equals = pair.indexOf('=');
  const name = equals < 0 ? pair : pair.slice(0, equals);
  return /[%+]/.test(name) ? (new URLSearchParams(name).keys().next().value ?? name) : name;
}

/**
 * Equal for decoded names that some origin reads as one: PHP and Rails take `page[]` and `page[x]` for `page`, PHP `.` and a blank for `_`, leaves
 * out blanks before a name and what comes after NUL; ASP.NET heeds no case.
 */
export function foldParameterName(name: string): string {
  const text = name.trimStart();
  const bracket = text.indexOf('[', 1);
  const nul = text.indexOf('\0');
  const end = Math.min(bracket < 0 ? text.length : bracket, nul < 0 ? text.length : nul);
  return text.slice(0, end).replace(/[. ]/g, '_').toLowerCase();
}
