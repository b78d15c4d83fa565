import autocannon from 'autocannon';
import type { LoadShape } from './scenario.ts';
import { busyCores, cpuUsPerRequest, readUsage, type Subject } from './subject.ts';

export type ThroughputResult = {
  readonly requestsPerSec: number;
  readonly mebibytesPerSec: number;
  /** Requests a second, sample by sample. */
  readonly samples: readonly number[];
  readonly cpuUsPerRequest: number;
  /** Cores that the proxy kept busy. Well below its workers: autocannon or the origin was the limit, not the proxy. */
  readonly busyCores: number;
  /** Closed loop: what could not be sent while it waited is missing from these. */
  readonly closedLoopP50Ms: number;
  readonly closedLoopP99Ms: number;
  readonly errors: number;
};

export type ThroughputOptions = { readonly shape: LoadShape; readonly connections: number; readonly durationSec: number };

/** Closed loop: as many requests as the connections carry. */
export async function measureThroughput(
  subject: Subject,
  options: ThroughputOptions,
  onSample: (requestsPerSec: number, elapsedSec: number) => void,
): Promise<ThroughputResult> {
  const before = readUsage(subject);
  const samples: number[] = [];
  let answered = 0;
  const { result, after } = await new Promise<{ result: autocannon.Result; after: ReturnType<typeof readUsage> }>((resolve, reject) => {
    const instance = autocannon(optionsOf(subject, options), (error, done) => {
      // Usage is read in the same turn, so that nothing of the time after the load is counted.
      if (error === null || error === undefined) resolve({ result: done, after: readUsage(subject) });
      else reject(error);
    });
    instance.on('response', () => {
      answered += 1;
    });
    instance.on('tick', () => {
      samples.push(answered);
      onSample(answered, samples.length);
      answered = 0;
    });
  });
  const total = result['2xx'];
  return {
    requestsPerSec: total / result.duration,
    mebibytesPerSec: (result.throughput.total + options.shape.bodyBytes * total) / result.duration / 2 ** 20,
    // The last tick covers only the rest of a second.
    samples: samples.slice(0, Math.max(1, options.durationSec)),
    cpuUsPerRequest: cpuUsPerRequest(before, after, total),
    busyCores: busyCores(before, after),
    closedLoopP50Ms: result.latency.p50,
    closedLoopP99Ms: result.latency.p99,
    errors: result.errors + result.timeouts + result.non2xx,
  };
}

function optionsOf(subject: Subject, options: ThroughputOptions): autocannon.Options {
  const { shape } = options;
  const base = { connections: options.connections, duration: options.durationSec, method: shape.method };
  const url = `http://127.0.0.1:${subject.port}${shape.path}`;
  return shape.bodyBytes === 0 ? { ...base, url } : { ...base, url, body: Buffer.alloc(shape.bodyBytes, 'a') };
}
