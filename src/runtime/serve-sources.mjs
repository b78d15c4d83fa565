import { registerHooks } from 'node:module';

const PACKAGE = 'sluice';
const PACKAGE_ENTRY = new URL('./index.ts', import.meta.url).href;

/**
 * Has this process or thread load our own modules from the texts given, and `sluice` as the package that runs, wherever the
 * module lies that asks for it: a filter and a configuration need no install beside them. All else is loaded as ever.
 */
export function serveSources({ places, bytes }) {
  const texts = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  serveTexts(places, (begin, end) => texts.toString('utf8', begin, end));
}

/** The same with texts that lie elsewhere. */
export function serveTexts(places, textAt) {
  registerHooks({
    resolve(specifier, context, next) {
      if (specifier === PACKAGE) return { url: PACKAGE_ENTRY, format: 'module', shortCircuit: true };
      // Our own way to our own module needs no look at the disk, which would take longer than loading it.
      const isOwn = specifier.startsWith('.') && context.parentURL !== undefined && places.has(context.parentURL);
      const url = isOwn ? new URL(specifier, context.parentURL).href : '';
      return places.has(url) ? { url, format: 'module', shortCircuit: true } : next(specifier, context);
    },
    load(url, context, next) {
      const place = places.get(url);
      return place === undefined ? next(url, context) : { format: 'module', source: textAt(...place), shortCircuit: true };
    },
  });
}
