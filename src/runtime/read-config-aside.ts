import type { ConfigAsked } from './config-thread.ts';
import { summarizeError } from './faults.ts';
import type { OwnSources } from './launch.ts';
import { startOwnThread } from './own-thread.ts';
import type { ReadConfig } from './read-config.ts';

const ENTRY = new URL('./config-thread.ts', import.meta.url);
/** A configuration module that does not come to an end is given up. */
const TIMEOUT_MS = 30_000;

/** `readConfig` on a thread of its own, which boots while `asked` may still be on its way. Never rejects. */
export function readConfigAside(sources: OwnSources, asked: ConfigAsked | Promise<ConfigAsked>): Promise<ReadConfig> {
  const thread = startOwnThread(sources, ENTRY, 'sluice-config');
  return new Promise((resolve) => {
    const refuse = (problem: string): void => resolve({ kind: 'bad', problems: [problem] });
    const timer = setTimeout(() => {
      refuse(`the configuration was not read within ${TIMEOUT_MS} ms`);
      void thread.terminate();
    }, TIMEOUT_MS);
    Promise.resolve(asked).then(
      (known) => thread.postMessage(known),
      (error: unknown) => {
        refuse(summarizeError(error));
        void thread.terminate();
      },
    );
    thread.once('message', (read: ReadConfig) => resolve(read));
    thread.once('error', (error) => refuse(`the configuration cannot be read: ${summarizeError(error)}`));
    thread.once('exit', () => {
      clearTimeout(timer);
      refuse('reading the configuration ended without a result');
    });
  });
}
