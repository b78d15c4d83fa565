import { type LoadResult, parseConfigObject } from '../config/load.ts';
import type { ConfigInput } from '../config/schema.ts';

/**
 * The built-in example: everything goes to its origin, and what goes by `/metered/` is limited by who asks. Tier free: 100 requests an
 * hour and 1000 a day, tier paid: 10 000 an hour; who has no key is on the free tier, by address.
 */
export function loadDemo({ to, listen }: { readonly to: string; readonly listen: string }): LoadResult {
  const input: ConfigInput = {
    listeners: [{ name: 'web', listen }],
    upstreams: { origin: { endpoints: [to], forwardCredentials: true } },
    consumers: {
      from: [{ apiKey: { header: 'X-API-Key' } }],
      list: [
        { name: 'demo-free', keys: ['demo-free'], tier: 'free' },
        { name: 'demo-paid', keys: ['demo-paid'], tier: 'paid' },
      ],
    },
    tiers: { free: { limits: ['100/1h', '1000/1d'] }, paid: { limits: ['10000/1h'] } },
    routes: [
      { name: 'metered', match: '/metered/*', upstream: 'origin', stripPrefix: true, tiers: { plan: ['free', 'paid'], default: 'free' } },
      { name: 'all', match: '/*', upstream: 'origin' },
    ],
  };
  return parseConfigObject(input, { fileName: 'built-in example', env: {} });
}
