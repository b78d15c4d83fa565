import type { RequestBody } from '../../upstream/sink.ts';
import type { Cluster } from '../../upstream/cluster.ts';
import type { ForwardPolicy } from '../../http/forward.ts';
import { withoutParameters } from '../../http/query-parameters.ts';
import type { Exchange } from '../exchange.ts';
import { headFor } from '../messages.ts';
import { Comparison } from './comparison.ts';
import { canCompare, type MirrorPlan } from './mirror-plan.ts';
import { BodyTap, MirrorTap } from './mirror-tap.ts';
import { exampleRequest } from './redact-example.ts';
import { type SideOutcome, SideRequest } from './side-request.ts';

/** Says to a shadow what it gets, and to another Sluice that it is a copy already. */
const TAG_NAME = 'sluice-mirror';
const TAG_LINE = `${TAG_NAME}: 1\r\n`;

type Copy = { readonly request: SideRequest; readonly cluster: Cluster };

/**
 * A copy of a request for the shadow, and where answers are compared, one more for the live upstream. Called when the request is about to be sent for the
 * first time; what is copied leaves after it, in another turn of the loop. Whatever becomes of it, the live exchange does not hear of it.
 */
export function startMirror(exchange: Exchange, mirror: MirrorPlan): void {
  const { facts, collector } = exchange;
  const { config, counts, methods } = mirror;
  // Of several upstreams of a route the shadow may be one.
  if (exchange.plan?.upstreamName === mirror.shadowName) return;
  if (!methods.has(facts.method) || Math.random() >= config.sample || facts.field(TAG_NAME) !== undefined) return;
  if (counts.pending >= config.maxPending) {
    counts.count('no-room');
    return;
  }
  const tap = new MirrorTap(comparisonFor(exchange, mirror), mirror.capture);
  const send = copyOf(exchange, mirror, tap);
  if (send === undefined) return;
  exchange.tap = tap;
  if (facts.isRequestWhole) {
    send(collector?.chunks ?? []);
    return;
  }
  const onTooLong = (): void => {
    counts.count('body-too-long');
    send(undefined);
  };
  tap.body = new BodyTap(exchange.gateway, config.maxBodyBytes, { onWhole: send, onTooLong });
  for (const chunk of collector?.chunks ?? []) tap.body.take(chunk);
}

function comparisonFor({ facts, gateway }: Exchange, mirror: MirrorPlan): Comparison | null {
  const { compare } = mirror.config;
  const book = gateway.mirrors.bookOf(mirror.name);
  if (compare === undefined || book === undefined || !canCompare(mirror, facts.method)) return null;
  const request = exampleRequest(facts.method, facts.target, mirror.secrets);
  return new Comparison({ config: compare, book, request, reportError: gateway.reportError });
}

/** What sends it, once the body is there (`undefined`: it will not be). Their heads are made now, while the request is here. */
function copyOf(
  exchange: Exchange,
  mirror: MirrorPlan,
  { comparison }: MirrorTap,
): ((body: readonly Buffer[] | undefined) => void) | undefined {
  const { counts } = mirror;
  const body: Buffer[] = [];
  const shadow = shadowCopy(exchange, mirror, { body, comparison });
  if (shadow === undefined) {
    counts.count('no-endpoint');
    return undefined;
  }
  const twin = comparison === null ? undefined : liveCopy(exchange, mirror, { body, comparison });
  if (comparison !== null && twin === undefined) comparison.cancel();
  if (comparison !== null) comparison.onCancelled = () => twin?.request.drop();
  counts.pending++;
  return (whole) => {
    if (whole === undefined) {
      counts.pending--;
      for (const copy of [shadow, twin]) copy?.request.drop();
      return;
    }
    body.push(...whole);
    setImmediate(() => {
      shadow.request.send(shadow.cluster);
      twin?.request.send(twin.cluster);
    });
  };
}

type CopyParts = { readonly body: readonly Buffer[]; readonly comparison: Comparison | null };

function shadowCopy(exchange: Exchange, mirror: MirrorPlan, { body, comparison }: CopyParts): Copy | undefined {
  const { counts, forward, withheld, shadow: cluster } = mirror;
  const { target } = exchange.facts;
  return copyTo(exchange, cluster, {
    mirror,
    body,
    forward,
    target: withheld.length === 0 ? target : withoutParameters(target, withheld),
    isCaptured: comparison !== null,
    onDone: (outcome) => {
      counts.pending--;
      counts.count(outcome.kind === 'answer' ? 'answered' : 'failed');
      comparison?.onShadow(outcome);
    },
  });
}

/** It draws on the allowance of the live upstream. */
function liveCopy(exchange: Exchange, mirror: MirrorPlan, { body, comparison }: CopyParts): Copy | undefined {
  const cluster = exchange.plan?.cluster ?? null;
  const forward = exchange.plan?.forward;
  if (cluster === null || forward === undefined || !cluster.takeExtra('mirror')) return undefined;
  const onDone = (outcome: SideOutcome): void => comparison?.onTwin(outcome);
  return copyTo(exchange, cluster, { mirror, body, forward, target: exchange.facts.target, isCaptured: true, onDone });
}

type CopySpec = {
  readonly mirror: MirrorPlan;
  readonly body: readonly Buffer[];
  readonly forward: ForwardPolicy;
  readonly target: string;
  readonly isCaptured: boolean;
  readonly onDone: (outcome: SideOutcome) => void;
};

function copyTo(exchange: Exchange, cluster: Cluster, spec: CopySpec): Copy | undefined {
  const { gateway, facts, head } = exchange;
  const endpoint = cluster.choose(0, null);
  if (endpoint === null) return undefined;
  const framing: RequestBody = head.isChunked ? 'chunked' : head.contentLength > 0 ? 'length' : 'none';
  const built = headFor(exchange, { policy: spec.forward, target: spec.target, authority: endpoint.authority });
  const text = { method: facts.method, head: `${built.slice(0, -2)}${TAG_LINE}\r\n`, framing, body: spec.body };
  const capture = spec.isCaptured ? spec.mirror.capture : null;
  const request = new SideRequest(text, { services: gateway, capture, onDone: spec.onDone });
  request.begin(cluster, endpoint);
  return { request, cluster };
}
