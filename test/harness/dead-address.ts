import { RawOrigin } from './raw-origin.ts';

/** Nobody listens there: not on that port, and nobody of this suite on that address, so that who takes the port next is not met. */
export async function deadUrl(): Promise<string> {
  const origin = await RawOrigin.start();
  const { port } = origin;
  await origin.close();
  return `http://127.0.0.2:${port}`;
}
