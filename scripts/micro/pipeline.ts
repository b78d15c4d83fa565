// What one relayed request costs in our own code. ns per request, best of 30.
// Usage: node --disable-warning=ExperimentalWarning [--cpu-prof] scripts/micro/pipeline.ts
import { quickConfig } from '../../src/config/quick.ts';
import { answerFirst, openPlayed, timed } from './played-sockets.ts';

const quick = quickConfig({ to: 'http://127.0.0.1:9', listen: '127.0.0.1:8' });
const config = { ...quick, upstreams: quick.upstreams.map((upstream) => ({ ...upstream, pool: { ...upstream.pool, maxRequests: 0 } })) };
const { client } = openPlayed(config);

const request = Buffer.from('GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n');
const varied = [0, 1].map((i) =>
  Buffer.from(`GET /items/${i} HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: curl/8\r\nAccept: */*\r\nX-Trace: ${i}00\r\n\r\n`),
);
const answer = (length: number): Buffer =>
  Buffer.from(
    `HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Tue, 24 Nov 2026 18:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: ${length}\r\nConnection: keep-alive\r\n\r\n${'x'.repeat(length)}`,
  );
const answers = [answer(100), answer(101)];

client._handle.receive(request);
const upstream = answerFirst(answers[0] ?? request);

timed('the same request, the same answer', client, () => {
  client._handle.receive(request);
  upstream._handle.receive(answers[0] ?? request);
});
timed('other requests, other answers', client, (i) => {
  client._handle.receive(varied[i & 1] ?? request);
  upstream._handle.receive(answers[i & 1] ?? request);
});
process.exit(0);
