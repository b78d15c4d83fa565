/**
 * Exports that nothing but tests imports: what is exported is for other files of src, scripts or native-bench; else it is private
 * or dead. Reads import and export lines as text, as the floors test does. Prints what it found; exit code 1 if there is anything.
 *
 * Types do not count, since one is exported because an exported function speaks of it. Nor do constants that their own file
 * uses: bounds and numberings are read as a whole, and tests name them.
 */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { ROOT } from './pinned-node.ts';

/** Parts of a file that have a rule of their own, which is tested by itself. */
const TESTED_ALONE = [
  'src/config/address.ts: isIpv4',
  'src/config/address.ts: isIpv6',
  'src/config/limit-semantics.ts: consumersOf',
  'src/config/suggest.ts: editDistance',
  'src/config/suggest.ts: suggest',
  'src/http/cidr.ts: parseCidr',
  'src/http/conditional.ts: isStrongDate',
  'src/http/forwarded.ts: forwardedFor',
  'src/http/no-vary-search.ts: parseQueryPairs',
  'src/http/structured-fields.ts: parseStructuredList',
  'src/observe/histogram.ts: bucketOf',
  'src/runtime/quotas/quota-schema.ts: quotaFile',
  'src/shm/concurrency-table.ts: layConcurrencyTable',
  'src/shm/limit-memory.ts: layLimitTable',
  'src/shm/quota-table.ts: layQuotaTable',
  'src/upstream/adaptive-samples.ts: timeOfBucket',
  'src/upstream/breaker-cell.ts: successesOf',
  'src/upstream/breaker-cell.ts: workerOf',
  'src/upstream/extra-load.ts: allowanceFor',
  'src/upstream/name-cache.ts: NameCache',
];

const EXPORTED = /^export (?:async )?(?:function\*?|class|const|let) (\w+)/gm;
const CONSTANT = /^[A-Z][A-Z\d_]*$/;
const IMPORTED = /^(?:import|export) (?:type )?\{([^}]*)\} from '([^']+)'/gm;
const IMPORTED_WHOLE = /^import \* as (\w+) from '([^']+)'/gm;
/** `const { a, b } = await import('x')`, and `(await import('x')).a`. */
const AWAITED = /\{([^{}]*)\} = await import\('([^']+)'\)/g;
const AWAITED_MEMBER = /\(await import\('([^']+)'\)\)\.(\w+)/g;

const files = ['src', 'scripts', 'native-bench'].flatMap((folder) => globSync(`${folder}/**/*.{ts,mjs,js}`, { cwd: ROOT }));
const used = new Set<string>(TESTED_ALONE);
const exported: string[] = [];

/** `names`: as they stand between braces. */
function noteUse(file: string, target: string, names: string): void {
  if (!target.startsWith('.')) return;
  const path = normalize(join(dirname(file), target));
  for (const part of names.split(','))
    used.add(
      `${path}: ${
        part
          .trim()
          .replace(/^type /, '')
          .split(/ as |:/)[0]
      }`,
    );
}

function readImports(file: string, source: string): void {
  for (const [, names = '', target = ''] of source.matchAll(IMPORTED)) noteUse(file, target, names);
  for (const [, names = '', target = ''] of source.matchAll(AWAITED)) noteUse(file, target, names);
  for (const [, target = '', name = ''] of source.matchAll(AWAITED_MEMBER)) noteUse(file, target, name);
  for (const [, whole = '', target = ''] of source.matchAll(IMPORTED_WHOLE)) {
    for (const [, name = ''] of source.matchAll(new RegExp(`\\b${whole}\\.(\\w+)`, 'g'))) noteUse(file, target, name);
  }
}

function readExports(file: string, source: string): void {
  for (const [, name = ''] of source.matchAll(EXPORTED)) {
    const isNamedAgain = source.split(new RegExp(`\\b${name}\\b`)).length > 2;
    if (!CONSTANT.test(name) || !isNamedAgain) exported.push(`${file}: ${name}`);
  }
}

for (const file of files) {
  const source = readFileSync(join(ROOT, file), 'utf8');
  readImports(file, source);
  if (file.startsWith('src/')) readExports(file, source);
}
const unused = exported.filter((entry) => !used.has(entry));
for (const entry of unused) console.log(`${entry} is imported by nothing but tests, if by them`);
if (unused.length > 0) process.exitCode = 1;
