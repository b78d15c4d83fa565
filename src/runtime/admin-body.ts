import type { PlainRequest } from '../edge/plain-server.ts';

const MAX_BODY_BYTES = 64 * 1024;

export type JsonBody = { readonly kind: 'ok'; readonly value: unknown } | { readonly kind: 'bad'; readonly problem: string };

/** The whole body as JSON, whatever its Content-Type says. Rejects when the client goes away in the middle. */
export async function readJsonBody(request: PlainRequest): Promise<JsonBody> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    // A node:http request yields buffers as long as no encoding is set.
    const data = chunk as Buffer;
    bytes += data.length;
    if (bytes <= MAX_BODY_BYTES) chunks.push(data);
  }
  if (bytes > MAX_BODY_BYTES) return { kind: 'bad', problem: `the body must not be longer than ${MAX_BODY_BYTES} bytes` };
  try {
    return { kind: 'ok', value: JSON.parse(Buffer.concat(chunks).toString('utf8')) };
  } catch {
    return { kind: 'bad', problem: 'the body must be JSON, such as {"url": "http://example.com/page"}' };
  }
}
