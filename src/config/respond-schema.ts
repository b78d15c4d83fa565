import { z } from 'zod';
import { fieldPairs } from './field-pairs.ts';
import { boundedInteger } from './scalars.ts';

const status = boundedInteger({ min: 200, max: 599 });

/** A fixed answer: of a route that has no upstream, or in place of one that fails. */
export const respondValue = z.union(
  [
    status.transform((only) => ({ status: only, headers: [], body: '' })),
    z
      .strictObject({
        status: status.prefault(200).describe('Status code. A whole number from 200 to 599; default 200.'),
        headers: fieldPairs.prefault({}).describe('Header fields; default none.'),
        body: z
          .string({ error: 'must be text; put it in quotes' })
          .max(2 ** 20, { error: 'must not be longer than 1 MiB' })
          .prefault('')
          .describe('Body, as UTF-8, 1 MiB at most; default empty.'),
      })
      .superRefine((value, context) => {
        if ((value.status === 204 || value.status === 304) && value.body !== '') {
          context.addIssue({ code: 'custom', message: `must be empty with status ${value.status}`, path: ['body'] });
        }
      }),
  ],
  { error: 'must be a status code, or a mapping with status, headers, body' },
);
