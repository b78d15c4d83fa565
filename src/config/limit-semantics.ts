import type { ConfigPath, Finding } from './problem.ts';
import { asList, asMap, isMap, type RawMap } from './raw.ts';
import { didYouMean } from './suggest.ts';
import { parseRate } from './units.ts';

/** What other parts of the configuration say about limits, tiers and consumers. Works on the unchecked value, as `semantics.ts` does. */
export function checkLimits(root: RawMap): Finding[] {
  return [
    ...sharedNames(root),
    ...asList(root['routes']).flatMap((route, i) => planOfTiers(asMap(route)['tiers'], ['routes', i, 'tiers'], tierNames(root))),
    ...keysWithoutSource(root),
    ...consumersOf(root).flatMap(({ value, path }) => unknownTier(value['tier'], [...path, 'tier'], tierNames(root))),
    ...repeatedInConsumers(root),
  ];
}

type Place = { readonly value: RawMap; readonly path: ConfigPath };

function tierNames(root: RawMap): string[] {
  return Object.keys(asMap(root['tiers']));
}

export function consumersOf(root: RawMap): Place[] {
  return asList(asMap(root['consumers'])['list']).map((value, i) => ({ value: asMap(value), path: ['consumers', 'list', i] }));
}

/** Limits in their long form. */
export function limitsIn(value: unknown, path: ConfigPath): Place[] {
  return asList(value).flatMap((limit, i) => (isMap(limit) ? [{ value: limit, path: [...path, i] }] : []));
}

export function routeLimitsOf(root: RawMap): Place[] {
  return asList(root['routes']).flatMap((route, i) => limitsIn(asMap(route)['limits'], ['routes', i, 'limits']));
}

/** Where the `quotas` of tiers and consumers stand that have any. */
export function quotasIn(root: RawMap): ConfigPath[] {
  const tiers = Object.entries(asMap(root['tiers'])).map(([name, tier]): [unknown, ConfigPath] => [tier, ['tiers', name]]);
  const consumers = consumersOf(root).map(({ value, path }): [unknown, ConfigPath] => [value, path]);
  return [...tiers, ...consumers].flatMap(([owner, path]) => (asList(asMap(owner)['quotas']).length > 0 ? [[...path, 'quotas']] : []));
}

/** One name in one list is one limit; the same on two routes as well, and then it has to be the same. */
function sharedNames(root: RawMap): Finding[] {
  const ofTiers = Object.entries(asMap(root['tiers'])).map(([name, tier]): Place => ({ value: asMap(tier), path: ['tiers', name] }));
  const owners = [...ofTiers, ...consumersOf(root)];
  const ofAllowances = new Set(owners.flatMap(({ value, path }) => namesOfAllowance(value, path).map(({ name }) => name)));
  return [
    ...owners.flatMap(({ value, path }) => repeated(namesOfAllowance(value, path))),
    ...asList(root['routes']).flatMap((route, i) => repeated(namesOf(limitsIn(asMap(route)['limits'], ['routes', i, 'limits'])))),
    ...differing(routeLimitsOf(root)),
    ...consumersOf(root).flatMap(({ value, path }) => ofAnotherKind({ value, path }, ofTiers)),
    ...namesOf(routeLimitsOf(root)).flatMap(({ name, path }): Finding[] =>
      ofAllowances.has(name)
        ? [{ path, at: 'value', message: `"${name}" is already the name of a limit or quota of a tier or consumer` }]
        : [],
    ),
  ];
}

/** A consumer's limit replaces that of the name which its tier has, and so does a quota; but not the one the other. */
function ofAnotherKind({ value, path }: Place, tiers: readonly Place[]): Finding[] {
  const limits = new Set(tiers.flatMap((tier) => namesOf(limitsIn(tier.value['limits'], [])).map(({ name }) => name)));
  const quotas = new Set(tiers.flatMap((tier) => namesOfQuotas(tier.value, []).map(({ name }) => name)));
  const refuse = (named: Named, kind: string): Finding => ({
    path: named.path,
    at: 'value',
    message: `"${named.name}" is already the name of a ${kind} of a tier`,
  });
  return [
    ...namesOf(limitsIn(value['limits'], [...path, 'limits'])).flatMap((named) => (quotas.has(named.name) ? [refuse(named, 'quota')] : [])),
    ...namesOfQuotas(value, path).flatMap((named) => (limits.has(named.name) ? [refuse(named, 'limit')] : [])),
  ];
}

type Named = { readonly name: string; readonly path: ConfigPath };

function namesOf(limits: readonly Place[]): Named[] {
  return limits.flatMap(({ value, path }) => (typeof value['name'] === 'string' ? [{ name: value['name'], path: [...path, 'name'] }] : []));
}

/** Of limits and quotas together: they stand side by side in RateLimit. */
function namesOfAllowance(value: RawMap, path: ConfigPath): Named[] {
  return [...namesOf(limitsIn(value['limits'], [...path, 'limits'])), ...namesOfQuotas(value, path)];
}

function namesOfQuotas(value: RawMap, path: ConfigPath): Named[] {
  return asList(value['quotas']).flatMap((quota, i): Named[] => {
    const name = isMap(quota) ? (quota['name'] ?? quota['per']) : /\/(.+)$/.exec(String(quota))?.[1];
    const steps = [...path, 'quotas', i];
    return typeof name === 'string' ? [{ name, path: asMap(quota)['name'] === undefined ? steps : [...steps, 'name'] }] : [];
  });
}

function repeated(named: readonly Named[]): Finding[] {
  const seen = new Set<string>();
  return named.flatMap(({ name, path }): Finding[] => {
    if (seen.has(name))
      return [{ path, at: 'value', message: `"${name}" is already the name of a limit or quota here`, remedy: 'name one of the two' }];
    seen.add(name);
    return [];
  });
}

function differing(limits: readonly Place[]): Finding[] {
  const first = new Map<string, string>();
  return limits.flatMap(({ value, path }): Finding[] => {
    if (typeof value['name'] !== 'string') return [];
    const known = first.get(value['name']);
    first.set(value['name'], known ?? countedAs(value));
    if (known === undefined || known === countedAs(value)) return [];
    const message = `"${value['name']}" counts otherwise on another route, and limits of one name are one limit`;
    return [
      { path: [...path, 'name'], at: 'value', message, remedy: 'give it a name of its own, or the same rate, burst, algorithm and key' },
    ];
  });
}

/** What makes two limits one: all that decides what is counted and how. */
function countedAs({ rate, burst, key, algorithm, concurrency }: RawMap): string {
  const parsed = parseRate(String(rate));
  const { count, perMs } = parsed.kind === 'ok' ? parsed.value : { count: 0, perMs: 0 };
  const parts = Array.isArray(key) ? key : [key ?? 'consumer'];
  return JSON.stringify([count, perMs, String(burst ?? count), parts, algorithm ?? 'token-bucket', String(concurrency)]).toLowerCase();
}

function planOfTiers(value: unknown, path: ConfigPath, names: readonly string[]): Finding[] {
  if (value === undefined || String(value) === 'false') return [];
  if (names.length === 0) return [{ path, at: 'key', message: 'needs `tiers` at the top level', remedy: 'define them there' }];
  const [plan, planPath] = isMap(value) ? [value['plan'], [...path, 'plan']] : [value, path];
  const usual = asMap(value)['default'];
  const unknown = asList(plan).flatMap((name, i) => unknownTier(name, [...planPath, i], names));
  const isOutside = Array.isArray(plan) && usual !== undefined && !plan.includes(usual);
  const outside: Finding[] = isOutside ? [{ path: [...path, 'default'], at: 'value', message: 'must be one of `plan`' }] : [];
  return [...unknown, ...unknownTier(usual, [...path, 'default'], names), ...outside];
}

function unknownTier(name: unknown, path: ConfigPath, names: readonly string[]): Finding[] {
  if (typeof name !== 'string' || names.includes(name)) return [];
  const remedy = didYouMean(name, names) ?? (names.length === 0 ? 'define it under `tiers`' : undefined);
  return [{ path, at: 'value', message: `there is no tier "${name}"`, remedy }];
}

/** A limit by API key where nobody says where the key is. */
function keysWithoutSource(root: RawMap): Finding[] {
  const { consumers } = root;
  const from = asMap(consumers)['from'];
  if (consumers !== undefined && (from === undefined || asList(from).some((source) => asMap(source)['apiKey'] !== undefined))) return [];
  return routeLimitsOf(root).flatMap(({ value, path }): Finding[] => {
    const { key } = value;
    if (key !== 'apiKey' && !asList(key).includes('apiKey')) return [];
    const remedy = 'add `consumers: { from: [{ apiKey: { header: X-API-Key } }] }` at the top level';
    return [{ path: [...path, 'key'], at: 'value', message: 'needs `consumers` that tell where the API key is', remedy }];
  });
}

/** Names and keys of consumers must tell one from another. Keys are secrets: no message quotes them. */
function repeatedInConsumers(root: RawMap): Finding[] {
  const names = new Set<unknown>();
  const keys = new Set<unknown>();
  const isSeen = (seen: Set<unknown>, value: unknown): boolean => value !== undefined && (seen.has(value) || !seen.add(value));
  return consumersOf(root).flatMap(({ value, path }): Finding[] => [
    ...(isSeen(names, value['name'])
      ? [{ path: [...path, 'name'], at: 'value' as const, message: `"${String(value['name'])}" is already the name of a consumer` }]
      : []),
    ...asList(value['keys']).flatMap((key, i): Finding[] =>
      isSeen(keys, key) ? [{ path: [...path, 'keys', i], at: 'value', message: 'is already a key, and a key has one owner' }] : [],
    ),
  ]);
}
