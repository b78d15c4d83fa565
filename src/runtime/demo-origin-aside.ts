import type { DemoAnswer, DemoAsked } from './demo-origin-thread.ts';
import type { OwnSources } from './launch.ts';
import { startOwnThread } from './own-thread.ts';

const ENTRY = new URL('./demo-origin-thread.ts', import.meta.url);

/** Starts the origin of the built-in example on a thread of its own, on its former port if it had one; resolves with its URL. */
export function startDemoOrigin(sources: OwnSources, wantedPort: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const thread = startOwnThread(sources, ENTRY, 'sluice-demo-origin');
    const asked: DemoAsked = { port: wantedPort };
    thread.postMessage(asked);
    thread.once('message', ({ port }: DemoAnswer) => resolve(`http://127.0.0.1:${port}`));
    thread.once('error', reject);
    thread.unref();
  });
}
