import { type BodyRule, fieldValue, fieldValues, type Message, type Parsed, parseMessage } from './http-message.ts';

/** A response as a test reads it. */
export type Reply = Message & {
  readonly status: number;
  readonly reason: string;
  /** `1.1` or `1.0`. */
  readonly version: string;
  /** 1xx heads that came before. */
  readonly interim: readonly Message[];
  /** The only value of a field; throws if there are several. */
  readonly field: (name: string) => string | undefined;
  readonly fieldAll: (name: string) => readonly string[];
  /** Body as UTF-8. */
  readonly text: string;
};

const STATUS_LINE = /^HTTP\/(1\.[01]) ([1-9]\d\d) ([^\r\n]*)$/;

/** The body rule of RFC 9112 6.3 for a response to `method`. */
function ruleFor(startLine: string, method: string): BodyRule {
  const status = Number(STATUS_LINE.exec(startLine)?.[2] ?? 0);
  const hasNone = method === 'HEAD' || status === 204 || status === 304 || (status >= 100 && status < 200);
  return hasNone ? 'none' : 'by-fields-or-until-end';
}

/** One final response with the interim ones before it, at the beginning of `bytes`; `method` is that of the request. */
export function parseReply(bytes: Buffer, method: string, isEnded: boolean): Parsed<Reply> {
  const interim: Message[] = [];
  for (let at = 0; ; ) {
    const parsed = parseMessage(bytes.subarray(at), (startLine) => ruleFor(startLine, method), isEnded);
    if (parsed.kind !== 'message') return parsed;
    const line = STATUS_LINE.exec(parsed.message.startLine);
    if (line === null) return { kind: 'bad', why: `malformed status line ${JSON.stringify(parsed.message.startLine)}` };
    at += parsed.length;
    const status = Number(line[2]);
    if (status >= 200 || status === 101) return { kind: 'message', message: replyOf(parsed.message, line, interim), length: at };
    interim.push(parsed.message);
  }
}

function replyOf(message: Message, line: RegExpExecArray, interim: readonly Message[]): Reply {
  return {
    ...message,
    status: Number(line[2]),
    reason: line[3] ?? '',
    version: line[1] ?? '',
    interim,
    field: (name) => fieldValue(message.fields, name),
    fieldAll: (name) => fieldValues(message.fields, name),
    text: message.body.toString('utf8'),
  };
}
