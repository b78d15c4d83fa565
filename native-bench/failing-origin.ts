import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An origin in a process of its own, so that it can be killed and frozen; it also slows down, fails and talks rubbish when it is told. */

export type FailingMode = 'well' | 'slow' | 'failing' | 'garbage';
export type FailingOrder = { readonly mode: FailingMode } | { readonly ask: 'count' };
export type FailingReport = { readonly port: number } | { readonly requests: number };

const SERVICE_MS = 2;
const SLOW_MS = 2000;

let mode: FailingMode = 'well';
let requests = 0;

function answer(response: ServerResponse): void {
  if (mode === 'failing') response.statusCode = 500;
  if (mode === 'garbage') response.socket?.end('SSH-2.0-OpenSSH_9.2p1\r\n');
  else response.end('done');
}

const server = createServer((_, response) => {
  requests += 1;
  setTimeout(() => answer(response), mode === 'slow' ? SLOW_MS : SERVICE_MS);
});
server.keepAliveTimeout = 120_000;
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => tell({ port: (server.address() as AddressInfo).port }));

function tell(report: FailingReport): void {
  process.send?.(report);
}

process.on('message', (order: FailingOrder) => {
  if ('mode' in order) mode = order.mode;
  else tell({ requests });
});
process.on('disconnect', () => process.exit(0));
