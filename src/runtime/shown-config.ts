import { type OutsideText, textAsWritten } from '../config/expand.ts';
import type { DiscoveryConfig } from '../config/discovery-types.ts';
import type { HealthConfig } from '../config/health-types.ts';
import type { GatewayConfig } from '../config/types.ts';
import { hyphened, isCredentialName } from '../http/credential-fields.ts';

const HIDDEN = '(hidden)';
/** The configuration as whoever may ask for it sees it: without secrets, be they written in it or brought in by `${env:…}` and `${file:…}`. */
export function shownConfig(config: GatewayConfig | undefined): unknown {
  if (config === undefined) return {};
  const { admin, consumers, upstreams, routes, outside, ...rest } = config;
  const list = consumers?.list.map((consumer) => ({ ...consumer, keys: consumer.keys.map(() => HIDDEN) }));
  const shown = {
    ...rest,
    admin: admin === undefined ? undefined : { ...admin, token: admin.token === undefined ? undefined : HIDDEN },
    upstreams: upstreams.map((upstream) => ({
      ...upstream,
      discovery: withoutToken(upstream.discovery),
      health: withoutValues(upstream.health),
      sticky: upstream.sticky === undefined ? undefined : { ...upstream.sticky, secret: HIDDEN },
    })),
    routes: routes.map((route) => ({
      ...route,
      requestFields: { ...route.requestFields, set: route.requestFields.set.map(withoutSecret) },
    })),
    consumers: consumers === undefined ? undefined : { ...consumers, list },
  };
  return asWritten(shown, outside);
}

function withoutToken(discovery: DiscoveryConfig | undefined): DiscoveryConfig | undefined {
  if (discovery?.question.kind !== 'consul' || discovery.question.token === '') return discovery;
  return { ...discovery, question: { ...discovery.question, token: HIDDEN } };
}

function withoutValues(health: HealthConfig | undefined): HealthConfig | undefined {
  if (health?.active?.question.kind !== 'http') return health;
  const { question } = health.active;
  return { ...health, active: { ...health.active, question: { ...question, headers: question.headers.map(withoutSecret) } } };
}

function withoutSecret([name, value]: readonly [string, string]): readonly [string, string] {
  return [name, isCredentialName(hyphened(name.toLowerCase())) ? HIDDEN : value];
}

/** A copy in which what came from outside is shown as it was written. */
function asWritten(value: unknown, outside: readonly OutsideText[]): unknown {
  if (outside.length === 0) return value;
  if (typeof value === 'string') return textAsWritten(value, outside);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item: unknown) => asWritten(item, outside));
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, asWritten(part, outside)]));
}
