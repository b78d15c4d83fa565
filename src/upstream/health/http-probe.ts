import { type IncomingMessage, request } from 'node:http';
import type { LookupFunction } from 'node:net';
import type { BodyExpectation, HealthQuestion, StatusRange } from '../../config/health-types.ts';
import { authorityText } from '../authority.ts';
import { errorCode } from '../network-error.ts';
import type { Probe, ProbeOutcome } from './probe.ts';

type HttpQuestion = Extract<HealthQuestion, { kind: 'http' }>;

const MAX_BODY_BYTES = 65_536;
/** Patterns are reckoned to be cheap on so many characters (`config/regex-cost.ts`). */
const MAX_PATTERN_INPUT = 256;
const MAX_HEAD_BYTES = 16_384;

/** Passed by a status that is expected and, where one is, by the body. A redirection is not followed: it is what its status says. */
export function probeHttp(question: HttpQuestion, lookup: LookupFunction): Probe {
  const { path, host, headers, body } = question;
  const pattern = body?.kind === 'pattern' ? new RegExp(body.source) : undefined;
  return (address, done) => {
    const asked = request({
      host: address.host,
      port: address.port,
      path,
      lookup,
      agent: false,
      maxHeaderSize: MAX_HEAD_BYTES,
      headers: [
        ['Host', host === '' ? authorityText(address) : host],
        ['User-Agent', 'sluice-health'],
        ['Connection', 'close'],
        ...headers,
      ].flat(),
    });
    asked.on('error', (error) => done({ isGood: false, reason: errorCode(error) }));
    asked.on('response', (answer) => {
      answer.on('error', () => {});
      const status = answer.statusCode ?? 0;
      if (!isExpected(status, question.statuses)) return done({ isGood: false, reason: `status ${status}` });
      if (body === undefined) return done({ isGood: true, reason: `status ${status}` });
      return readBody(answer, (text) => done(judgeBody(text, body, pattern)));
    });
    asked.end();
    return () => asked.destroy();
  };
}

function isExpected(status: number, ranges: readonly StatusRange[]): boolean {
  return ranges.some(({ from, to }) => status >= from && status <= to);
}

/** Its first 64 KiB. One that breaks off is judged by what has come. */
function readBody(answer: IncomingMessage, onText: (text: string) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const finish = (): void => onText(Buffer.concat(chunks).subarray(0, MAX_BODY_BYTES).toString('utf8'));
  answer.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= MAX_BODY_BYTES) finish();
  });
  answer.on('end', finish);
  answer.on('close', finish);
}

function judgeBody(text: string, expected: BodyExpectation, pattern: RegExp | undefined): ProbeOutcome {
  const isThere = expected.kind === 'text' ? text.includes(expected.text) : text.split(/\r?\n/).some((line) => isMatch(line, pattern));
  return { isGood: isThere, reason: isThere ? 'body as expected' : 'body has not what is expected' };
}

function isMatch(line: string, pattern: RegExp | undefined): boolean {
  return line.length <= MAX_PATTERN_INPUT && pattern?.test(line) === true;
}
