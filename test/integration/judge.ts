import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Fields } from '../harness/http-message.ts';
import { parseReply, type Reply } from '../harness/http-reply.ts';
import { parseRequest, type ReceivedRequest } from '../harness/http-request.ts';
import { connectRaw } from '../harness/raw-client.ts';
import { OK_REPLY, RawOrigin } from '../harness/raw-origin.ts';
import type { RawPeer } from '../harness/raw-peer.ts';
import { type Front, type FrontOptions, openFront } from './front.ts';

/**
 * The judge: each row is one sentence of an RFC that binds an intermediary, as bytes sent and bytes expected on both sides.
 * It knows the RFCs and not the product: what is compared is the message (start line, fields with the order of equal names,
 * body), not the order of unlike fields or the sizes of chunks, which are free.
 */
export type Row = {
  /** Section and sentence, in short words. */
  readonly rule: string;
  /** The client's bytes; default: a plain GET. */
  readonly send?: string;
  /** The origin's bytes for the first request; default: `OK_REPLY`. */
  readonly answer?: string;
  /** What the origin does after `answer`. */
  readonly ends?: 'fin' | 'reset';
  /** The request as the origin must see it, without what the gateway adds; `null`: it sees nothing. */
  readonly sees?: string | null;
  /** The reply as the client must get it, without the gateway's Via and a Date that the origin did not send. */
  readonly gets?: string;
  /** The reply is the gateway's own, with one of these codes. */
  readonly refused?: number | readonly number[];
  /** The reply must not be whole for the client. */
  readonly cut?: true;
  /** The client's connection ends after the reply; else it must serve a further request. */
  readonly closes?: true;
  /** Whether the further request uses the same connection to the origin; default: not checked. */
  readonly reuses?: boolean;
  /** A known failure, and whose it is. */
  readonly todo?: string;
};

export const HOST = 'Host: a.example\r\n';
export const OWN_VIA = 'sluice-test-run';
/** As `sluice start --to` sets it up: the origin gets everything that is the client's. */
export const OPTIONS: FrontOptions = { upstream: { forwardCredentials: true } };
export const get = (lines = '', target = '/a'): string => `GET ${target} HTTP/1.1\r\n${HOST}${lines}\r\n`;
export const post = (lines: string, body = ''): string => `POST /p HTTP/1.1\r\n${HOST}${lines}\r\n${body}`;
export const CHUNKED = 'Transfer-Encoding: chunked\r\n';
export const ok = (lines: string, body = ''): string => `HTTP/1.1 200 OK\r\n${lines}\r\n${body}`;
const PROBE = `GET /probe HTTP/1.1\r\n${HOST}\r\n`;

export type Court = { readonly front: Front; readonly origin: RawOrigin; readonly client: RawPeer; readonly requests: ReceivedRequest[] };

/** An origin that answers each whole request by `decide` and tolerates broken ones, a gateway before it, and one client. */
export async function openCourt(
  t: TestContext,
  decide: (request: ReceivedRequest, connection: RawPeer) => string | undefined | Promise<string | undefined> = () => OK_REPLY,
  options: FrontOptions = OPTIONS,
): Promise<Court> {
  const requests: ReceivedRequest[] = [];
  const origin = await RawOrigin.start(async (connection) => {
    for (;;) {
      const request = await connection.readRequest(60_000).catch(() => undefined);
      if (request === undefined) return connection.close();
      requests.push(request);
      const answer = await decide(request, connection);
      if (answer !== undefined) await connection.send(answer);
    }
  });
  const front = await openFront(t, 'node', origin.port, options);
  t.after(() => origin.close());
  const client = await connectRaw(front.port);
  t.after(() => client.close());
  return { front, origin, client, requests };
}

export function judge(rows: readonly Row[]): void {
  for (const row of rows) test(row.rule, row.todo === undefined ? {} : { todo: row.todo }, (t) => hear(t, row));
}

async function hear(t: TestContext, row: Row): Promise<void> {
  const court = await openCourt(t, async (request, connection) => {
    if (request.target === '/probe' || row.answer === undefined) return OK_REPLY;
    await connection.send(row.answer);
    if (row.ends === 'fin') connection.halfClose();
    if (row.ends === 'reset') connection.reset();
    return undefined;
  });
  const { client, origin, requests } = court;
  const send = row.send ?? get();
  await client.send(send);
  if (row.cut === true) await judgeCut(client);
  else await judgeReply(client, row, /^\s*(\S*)/.exec(send)?.[1] ?? '');
  if (row.sees === null) assert.equal(origin.text, '', 'the origin sees nothing');
  else if (row.sees !== undefined) assert.deepEqual(plainRequest(requests[0]), plainRequest(requestOf(row.sees)));
  if (row.closes === true || row.cut === true) return;
  await client.send(PROBE);
  const probe = await client.readReply();
  assert.equal(probe.text, 'ok', 'the connection serves a further request');
  if (row.reuses !== undefined)
    assert.equal(origin.connections.length === 1, row.reuses, `${origin.connections.length} connections to the origin`);
}

async function judgeReply(client: RawPeer, row: Row, method: string): Promise<void> {
  const reply = await client.readReply(method);
  if (row.refused !== undefined) {
    const statuses = typeof row.refused === 'number' ? [row.refused] : row.refused;
    assert.ok(statuses.includes(reply.status), reply.head);
    if (method !== 'HEAD') assert.equal(reply.field('content-type'), 'application/problem+json', 'the answer is the own one');
  }
  if (row.gets !== undefined) assert.deepEqual(plainReply(reply), plainReply(replyTo(row.gets, method)));
  if (row.closes !== true) return;
  assert.ok(reply.fieldAll('connection').join().includes('close'), 'close is said');
  await client.untilEnd();
  assert.equal(client.unread.length, 0, `after the reply: ${client.unread.toString('latin1')}`);
}

/** What came is no whole message, or the connection was reset under it. */
async function judgeCut(client: RawPeer): Promise<void> {
  await client.until('the connection is gone', (peer) => peer.isEnded);
  client.halfClose();
  await client.until('the connection is closed', (peer) => peer.isClosed);
  if (client.error !== undefined) return;
  const parsed = parseReply(client.received, 'GET', true);
  assert.notEqual(parsed.kind, 'message', `taken as whole: ${client.text}`);
}

/** What the gateway adds to a request, whoever asks. */
const ADDED = /^(?:x-forwarded-(?:for|proto|host|port)|x-real-ip)$/;

/** A request in a form that can be compared. */
export function plainRequest(request: ReceivedRequest | undefined): unknown {
  if (request === undefined) return undefined;
  const { startLine, body, trailers } = request;
  return { startLine, fields: sorted(request.fields.filter(isNotAdded)), body: body.toString('latin1'), trailers };
}

function isNotAdded([name, value]: readonly [string, string]): boolean {
  const lower = name.toLowerCase();
  return !ADDED.test(lower) && !((lower === 'via' || lower === 'cdn-loop') && value.endsWith(OWN_VIA));
}

export function plainReply(reply: Reply): unknown {
  const plainFields = (fields: Fields): Fields => sorted(fields.filter((field) => isNotAdded(field) && !isFreshDate(field)));
  const interim = reply.interim.map(({ startLine, fields }) => ({ startLine, fields: plainFields(fields) }));
  return { startLine: reply.startLine, fields: plainFields(reply.fields), body: reply.body.toString('latin1'), interim };
}

/** A Date of now: one that the gateway wrote. The rows' own are of another year. */
function isFreshDate([name, value]: readonly [string, string]): boolean {
  return name.toLowerCase() === 'date' && Math.abs(Date.parse(value) - Date.now()) < 60_000;
}

/** By name; fields of one name stay in their order. */
function sorted(fields: Fields): Fields {
  return fields.map(([name, value]) => [name.toLowerCase(), value] as const).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

function requestOf(text: string): ReceivedRequest {
  const parsed = parseRequest(Buffer.from(text, 'latin1'), true);
  if (parsed.kind !== 'message') throw new Error(`the row's request: ${JSON.stringify(parsed)}`);
  return parsed.message;
}

function replyTo(text: string, method: string): Reply {
  const parsed = parseReply(Buffer.from(text, 'latin1'), method, true);
  if (parsed.kind !== 'message') throw new Error(`the row's reply: ${JSON.stringify(parsed)}`);
  return parsed.message;
}
