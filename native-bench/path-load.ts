import type { Socket } from 'node:net';

const LENGTH = /\r\ncontent-length: *(\d+)/i;

/** Asks for every path once, over connections that are open, one request at a time on each. Rejects at the first answer that is not a whole 200. */
export function requestEach(sockets: readonly Socket[], paths: readonly string[]): Promise<void> {
  let next = 0;
  const takePath = (): string | undefined => {
    const path = paths[next];
    next += 1;
    return path;
  };
  return Promise.all(sockets.map((socket) => work(socket, takePath))).then(() => undefined);
}

/** Sends on one connection until there is no path left. */
function work(socket: Socket, takePath: () => string | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    // Its `close` has gone by: nothing would ever come.
    if (socket.destroyed) throw new Error('the connection was closed before the first request');
    let seen = '';
    const finish = (error?: Error): void => {
      socket.off('data', onData);
      socket.off('close', onClose);
      if (error === undefined) resolve();
      else reject(error);
    };
    const send = (): void => {
      const path = takePath();
      if (path === undefined) finish();
      else socket.write(`GET ${path} HTTP/1.1\r\nHost: bench.example\r\n\r\n`);
    };
    const onData = (chunk: Buffer): void => {
      seen += chunk.toString('latin1');
      const headEnd = seen.indexOf('\r\n\r\n');
      if (headEnd === -1) return;
      const length = LENGTH.exec(seen.slice(0, headEnd + 2))?.[1];
      if (!seen.startsWith('HTTP/1.1 200 ') || length === undefined) {
        finish(new Error(`not a 200: ${seen.slice(0, 80)}`));
        return;
      }
      if (seen.length < headEnd + 4 + Number(length)) return;
      seen = '';
      send();
    };
    const onClose = (): void => finish(new Error('the connection was closed'));
    socket.on('data', onData);
    socket.on('close', onClose);
    send();
  });
}
