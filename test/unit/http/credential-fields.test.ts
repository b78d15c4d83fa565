import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCredentialName } from '../../../src/http/credential-fields.ts';

test('a name that speaks of who asks is taken for a credential, one that every browser sends is not', () => {
  for (const name of ['x-api-key', 'x-auth-token', 'x-session', 'x-amzn-oidc-data', 'x-ssl-client-s-dn', 'x-client-id', 'cookie', 'x-org'])
    assert.ok(isCredentialName(name), name);
  for (const name of [
    'user-agent',
    'sec-fetch-user',
    'accept',
    'origin',
    'referer',
    'upgrade-insecure-requests',
    'sec-ch-ua',
    'x-client-ip',
  ])
    assert.ok(!isCredentialName(name), name);
});
