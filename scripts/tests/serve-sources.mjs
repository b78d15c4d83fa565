import { openSync, readSync } from 'node:fs';
import { serveTexts } from '../../src/runtime/serve-sources.mjs';

// Loaded by `--import` before each test file and in its threads. The runner has just looked whether the files are the same. What
// is not needed is not read: the pages of four megabytes would take longer than all the rest.

const ROOT = new URL('../../', import.meta.url).href;
const HEAD_BYTES = 2 ** 18;
const LINE_FEED = 10;
const cache = openSync(new URL(import.meta.url).searchParams.get('cache'));

function bytesAt(begin, end) {
  const bytes = Buffer.allocUnsafe(end - begin);
  return bytes.subarray(0, readSync(cache, bytes, 0, bytes.length, begin));
}

const head = bytesAt(0, HEAD_BYTES);
const places = head.subarray(0, head.indexOf(LINE_FEED));
const first = places.length + 1;
serveTexts(new Map(JSON.parse(places).map(([path, , begin, end]) => [ROOT + path, [begin, end]])), (begin, end) =>
  bytesAt(first + begin, first + end).toString(),
);
