import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';

const DECODERS: Readonly<Record<string, (bytes: Buffer, options: { readonly maxOutputLength: number }) => Promise<Buffer>>> = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
};

/** A body without its coding, off this thread. As it is where that is unknown, broken, or would be longer than `maxBytes`. */
export async function decodeBody(body: Buffer, coding: string | undefined, maxBytes: number): Promise<Buffer> {
  const decode = DECODERS[coding?.trim().toLowerCase() ?? ''];
  if (decode === undefined) return body;
  return decode(body, { maxOutputLength: maxBytes }).catch(() => body);
}
