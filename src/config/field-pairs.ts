import { z } from 'zod';
import { parseEditableName, parseFieldValue } from './fields.ts';
import { checkedText } from './scalars.ts';

/** A mapping of names to values → pairs in the order written; a name that stands twice by different cases is refused. */
export const fieldPairs = z.record(checkedText(parseEditableName), checkedText(parseFieldValue)).transform((fields, context) => {
  const seen = new Set<string>();
  for (const name of Object.keys(fields)) {
    if (seen.has(name.toLowerCase())) context.addIssue({ code: 'custom', message: 'is there twice', path: [name] });
    seen.add(name.toLowerCase());
  }
  return Object.entries(fields);
});
