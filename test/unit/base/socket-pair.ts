import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

/** Both ends of a TCP connection on loopback; closed after the test. The far one is an ordinary stream. */
export async function socketPair(t: TestContext): Promise<{ near: Socket; far: Socket }> {
  const server = createServer({ noDelay: true });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const near = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', noDelay: true });
  near.on('error', () => {});
  await new Promise<void>((resolve) => near.once('connect', () => resolve()));
  const far = await accepted;
  far.on('error', () => {});
  server.close();
  t.after(() => {
    near.destroy();
    far.destroy();
  });
  return { near, far };
}
