import { fieldValue, fieldValues, type Message, type Parsed, parseMessage } from './http-message.ts';

/** A request as an origin sees it. */
export type ReceivedRequest = Message & {
  readonly method: string;
  readonly target: string;
  readonly version: string;
  readonly field: (name: string) => string | undefined;
  readonly fieldAll: (name: string) => readonly string[];
};

const REQUEST_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e\x80-\xff]+) HTTP\/(1\.[01])$/;

/** One request at the beginning of `bytes`. */
export function parseRequest(bytes: Buffer, isEnded: boolean): Parsed<ReceivedRequest> {
  const parsed = parseMessage(bytes, () => 'by-fields-or-none', isEnded);
  if (parsed.kind !== 'message') return parsed;
  const { message, length } = parsed;
  const line = REQUEST_LINE.exec(message.startLine);
  if (line === null) return { kind: 'bad', why: `malformed request line ${JSON.stringify(message.startLine)}` };
  const request: ReceivedRequest = {
    ...message,
    method: line[1] ?? '',
    target: line[2] ?? '',
    version: line[3] ?? '',
    field: (name) => fieldValue(message.fields, name),
    fieldAll: (name) => fieldValues(message.fields, name),
  };
  return { kind: 'message', message: request, length };
}
