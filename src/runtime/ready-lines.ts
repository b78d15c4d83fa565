import type { FromProxy, OpenListener } from './messages.ts';
import type { StartOptions } from './start-options.ts';

type Ready = Extract<FromProxy, { kind: 'ready' }>;

/** What is printed when every listener accepts: one line that begins with `sluice ready`, then notes and what to try. */
export function readyLines(options: StartOptions, ready: Ready): readonly string[] {
  const addresses = ready.listeners.map(urlOf);
  const admin = ready.admin === undefined ? '' : ` (admin ${urlOf(ready.admin)})`;
  const notes = ready.notes.map((note) => `  note: ${note}`);
  return [`sluice ready ${addresses.join(' ')}${admin}`, ...notes, ...hints(options, addresses[0] ?? '', ready.admin)];
}

function hints({ source }: StartOptions, url: string, admin: OpenListener | undefined): readonly string[] {
  if (source.kind === 'file') return [];
  if (source.kind === 'quick') {
    return [
      `  passes everything to ${source.to}, with the client's credentials (Authorization, Cookie); a configuration file does so only on request`,
    ];
  }
  return [
    '  The built-in example is behind it. Try:',
    `    curl ${url}/                             what there is`,
    `    curl ${url}/headers                      the request as the origin gets it`,
    `    curl -N ${url}/events                    a stream of events`,
    `    curl -o /dev/null ${url}/download        100 MB; ranges too`,
    `    curl --data-binary @FILE ${url}/echo     an upload that comes back`,
    `    curl -i ${url}/status/503                any status`,
    `    curl -i -H 'X-API-Key: demo-free' ${url}/metered/api/time    tier free: 100 an hour, 1000 a day; demo-paid: 10 000 an hour`,
    ...(admin === undefined ? [] : [`    curl ${urlOf(admin)}/metrics                  what is counted`]),
    '  In front of your own service: npx sluice start --to http://127.0.0.1:3000',
  ];
}

function urlOf({ host, port }: OpenListener): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
