// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of the configuration look like templates
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '../../../src/config/load-yaml.ts';
import { formatProblem } from '../../../src/config/problem.ts';

const OPTIONS = {
  fileName: 'sluice.yaml',
  env: {},
  readSecret: (): string => {
    throw new Error('no such file');
  },
};

function problems(text: string): string[] {
  const result = loadConfig(text, OPTIONS);
  return result.kind === 'bad' ? result.problems.map(formatProblem) : [];
}

/** A whole file around one setting. */
const withRoute = (lines: string): string => `${lines}\nroutes: [{ respond: 204 }]\n`;

const PLACED: [name: string, text: string, expected: string[]][] = [
  [
    'a mistyped key is named with a suggestion',
    'upstreams: { a: http://a }\nroutes:\n  - match: /x\n    upsteam: a',
    [
      'sluice.yaml:3:5: routes[0]: must have `upstream` or `respond`',
      'sluice.yaml:4:5: routes[0].upsteam: unknown key; did you mean "upstream"?',
    ],
  ],
  [
    'a key at the wrong level is told where it belongs',
    withRoute('engine: uws'),
    ['sluice.yaml:1:1: engine: unknown key; it belongs to listeners[]'],
  ],
  [
    'an unknown upstream is named with a suggestion',
    'upstreams: { orders: http://a }\nroutes:\n  - { upstream: ordrs }',
    ['sluice.yaml:3:17: routes[0].upstream: there is no upstream "ordrs"; did you mean "orders"?'],
  ],
  [
    'upstream and respond exclude each other',
    'upstreams: { a: http://a }\nroutes: [{ upstream: a, respond: 200 }]',
    ['sluice.yaml:2:25: routes[0].respond: cannot stand beside `upstream`; remove one of the two'],
  ],
  ['routes are required', 'workers: 2', ['sluice.yaml:1:1: routes: is required']],
  ['an empty file lacks routes', '', ['sluice.yaml:1:1: routes: is required']],
  ['a key without a value', 'routes:', ['sluice.yaml:1:1: routes: has no value; give one or remove the key']],
  ['a list in place of a mapping', '- 1', ['sluice.yaml:1:1: must be a mapping with `routes`']],
  ['a listener needs an address', withRoute('listeners:\n  - name: a'), ['sluice.yaml:2:5: listeners[0].listen: is required']],
  [
    'a listener of nonsense',
    withRoute('listeners: [8080]'),
    ['sluice.yaml:1:13: listeners[0]: must be an address as text, or a mapping with `listen`'],
  ],
  [
    'a duplicate listener name and address',
    withRoute('listeners:\n  - { name: a, listen: ":80" }\n  - { name: a, listen: "0.0.0.0:80" }'),
    [
      'sluice.yaml:3:13: listeners[1].name: "a" is already the name of a listener',
      'sluice.yaml:3:24: listeners[1].listen: "0.0.0.0 port 80" is already an address to listen on',
    ],
  ],
  [
    'a bad address block',
    withRoute('listeners: [{ listen: ":80", trustedProxies: [10.0.0.0/33, example] }]'),
    [
      'sluice.yaml:1:47: listeners[0].trustedProxies[0]: must have a prefix length from 0 to 32',
      'sluice.yaml:1:60: listeners[0].trustedProxies[1]: must be an address or an address block, such as 10.0.0.0/8 or fd00::/8',
    ],
  ],
  [
    'engine uws refuses what it cannot do',
    withRoute('listeners:\n  - { listen: ":80", engine: uws, backlog: 5, limits: { maxFields: 101 }, timeouts: { head: 5s } }'),
    [
      'sluice.yaml:2:35: listeners[0].backlog: cannot be set with engine uws; remove it or use engine node',
      'sluice.yaml:2:57: listeners[0].limits.maxFields: must not be above 100 with engine uws; remove it or use engine node',
      'sluice.yaml:2:87: listeners[0].timeouts.head: cannot be set with engine uws, where it is 10s; remove it or use engine node',
    ],
  ],
  [
    'a word with a suggestion',
    withRoute('sharding: reusport'),
    ['sluice.yaml:1:11: sharding: must be one of reuseport, acceptor; did you mean "reuseport"?'],
  ],
  [
    'admin off loopback without a token',
    withRoute('admin: ":9901"'),
    [
      'sluice.yaml:1:8: admin: is not a loopback address, so `admin.token` is required; add a `token`, best from the environment, or listen on 127.0.0.1',
    ],
  ],
  ['a number out of bounds names them', withRoute('workers: 0'), ['sluice.yaml:1:10: workers: must be a whole number from 1 to 1024']],
  [
    'a duration without its unit',
    withRoute('process: { drainTimeout: 30 }'),
    ['sluice.yaml:1:26: process.drainTimeout: must be a duration with its unit (ms, s, m, h, d), such as 250ms or 10s'],
  ],
  ['a duration out of bounds', withRoute('process: { stuckKill: 5ms }'), ['sluice.yaml:1:23: process.stuckKill: must be from 1s to 1h']],
  [
    'a size out of bounds',
    'upstreams: { a: { endpoints: [http://a], limits: { maxHead: 2MiB } } }\nroutes: [{ upstream: a }]',
    ['sluice.yaml:1:61: upstreams.a.limits.maxHead: must be from 1KiB to 1MiB'],
  ],
  [
    'endpoints that are no plain http URLs',
    'upstreams: { a: [a:80, https://a, http://u:p@a, http://a/x, ftp://a] }\nroutes: [{ upstream: a }]',
    [
      'sluice.yaml:1:18: upstreams.a[0]: must be a URL with its scheme; write "http://HOST:PORT"',
      'sluice.yaml:1:24: upstreams.a[1]: https is not available in this version of Sluice (planned: TLS to upstreams)',
      'sluice.yaml:1:35: upstreams.a[2]: must not hold a user or a password; set the Authorization field instead',
      'sluice.yaml:1:49: upstreams.a[3]: must end after the port: an endpoint has no path; use `rewrite` on the route to change the path',
      'sluice.yaml:1:61: upstreams.a[4]: must begin with http://',
    ],
  ],
  [
    'a planned value of a known key',
    'upstreams: { a: { endpoints: [http://a], protocol: h2 } }\nroutes: [{ upstream: a }]',
    ['sluice.yaml:1:52: upstreams.a.protocol: not available in this version of Sluice (planned: HTTP/2 to upstreams)'],
  ],
  [
    'paths and hosts that cannot be',
    'routes:\n  - { match: { path: api, host: "a.*.com" }, respond: 200 }\n  - { match: "/a?b", respond: 200 }',
    [
      'sluice.yaml:2:22: routes[0].match.path: must begin with "/"',
      'sluice.yaml:2:33: routes[0].match.host: may have a wildcard only as its first label; write "*.example.com"',
      'sluice.yaml:3:14: routes[1].match: must hold visible ASCII only, and neither "?" nor "#"',
    ],
  ],
  [
    'names and values of header fields',
    'routes:\n  - respond: 200\n    headers:\n      request:\n        set: { "a b": x, Connection: close, Host: a, X-A: "a\\nb", X-N: 5 }\n        remove: [Content-Length]',
    [
      'sluice.yaml:5:16: routes[0].headers.request.set["a b"]: is not a header name (RFC 9110 5.1): letters, digits and -',
      'sluice.yaml:5:26: routes[0].headers.request.set.Connection: is a field of the connection or the framing; the proxy writes it itself',
      'sluice.yaml:5:45: routes[0].headers.request.set.Host: cannot be edited; use `host: upstream` on the upstream',
      'sluice.yaml:5:59: routes[0].headers.request.set.X-A: is not a header value: no line breaks, controls, outer white space or characters beyond latin1',
      'sluice.yaml:5:72: routes[0].headers.request.set.X-N: must be text; put it in quotes',
      'sluice.yaml:6:18: routes[0].headers.request.remove[0]: is a field of the connection or the framing; the proxy writes it itself',
    ],
  ],
  [
    'a field that is set twice',
    'routes: [{ respond: { status: 200, headers: { X-A: a, x-a: b } } }]',
    ['sluice.yaml:1:60: routes[0].respond.headers.x-a: is there twice'],
  ],
  [
    'a body where none can be',
    'routes: [{ respond: { status: 204, body: x } }]',
    ['sluice.yaml:1:42: routes[0].respond.body: must be empty with status 204'],
  ],
  [
    'a match of two kinds, and a costly expression',
    'routes: [{ respond: 200, match: { headers: { a: { exact: x, prefix: y }, b: { regex: "(a+)+" } } } }]',
    [
      'sluice.yaml:1:49: routes[0].match.headers.a: must have exactly one of exact, prefix, regex, present',
      'sluice.yaml:1:86: routes[0].match.headers.b.regex: could take too long on a hostile value; anchor it with ^, avoid nested repetitions, and use fewer of + and *',
    ],
  ],
  [
    'references that lead nowhere',
    'admin: { listen: "127.0.0.1:1", token: "${file:gone}" }\nserverName: "${env:NOPE}"\nroutes: [{ respond: { body: "${evn:X}" } }]',
    [
      'sluice.yaml:1:40: admin.token: ${file:gone} cannot be read: no such file',
      'sluice.yaml:2:13: serverName: ${env:NOPE} is not set in the environment; set NOPE, or give a default: ${env:NOPE:-value}',
      'sluice.yaml:3:29: routes[0].respond.body: ${evn:X} is not a known reference; use ${env:NAME} or ${file:PATH}, or write $${ for a literal ${',
    ],
  ],
  ['a duplicate key', 'routes: 1\nroutes: 2', ['sluice.yaml:2:1: Map keys must be unique']],
  ['an unknown tag', 'routes: !!js x', ['sluice.yaml:1:9: Unresolved tag: tag:yaml.org,2002:js']],
  [
    'a prototype as a key',
    withRoute('upstreams: { __proto__: http://a }'),
    ['sluice.yaml:1:14: upstreams.__proto__: is not allowed as a key'],
  ],
];

for (const [name, text, expected] of PLACED) {
  test(`problem with its place: ${name}`, () => {
    assert.deepEqual(problems(text), expected);
  });
}
