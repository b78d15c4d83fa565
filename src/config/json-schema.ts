import { z } from 'zod';
import type { ConfigPath } from './problem.ts';
import { asList, asMap, isMap, type RawMap } from './raw.ts';
import { configSchema } from './schema.ts';

/** The JSON Schema (2020-12) of the file, for editors and for `sluice schema`. */
export function jsonSchema(): object {
  const schema = z.toJSONSchema(configSchema, { io: 'input' });
  return { ...schema, title: 'Configuration of Sluice' };
}

/** One key of the configuration, as `routes[].match.path`; `isPlanned` ones are known but not available yet. */
export type Setting = {
  readonly path: string;
  readonly key: string;
  readonly description: string | undefined;
  readonly isPlanned: boolean;
};

/** Every key that there is, in the order of the schema; `<name>` stands for a name that the user chooses. */
export function listSettings(): Setting[] {
  const settings: Setting[] = [];
  const walk = (schema: RawMap, prefix: string): void => {
    const branches = branchesOf(schema);
    const hasMapping = branches.some((branch) => isMap(branch['properties']));
    for (const branch of branches) {
      for (const [key, value] of Object.entries(asMap(branch['properties']))) {
        const path = prefix === '' ? key : `${prefix}.${key}`;
        const property = asMap(value);
        const description = property['description'];
        settings.push({
          path,
          key,
          description: typeof description === 'string' ? description : undefined,
          isPlanned: isMap(property['not']),
        });
        walk(property, path);
      }
      // A list beside a mapping is a shorthand for one of its keys, which tells the rest.
      if (isMap(branch['items']) && !hasMapping) walk(branch['items'], `${prefix}[]`);
      if (isMap(branch['additionalProperties'])) walk(branch['additionalProperties'], `${prefix}.<name>`);
    }
  };
  walk(asMap(jsonSchema()), '');
  const byPath = new Map<string, Setting>();
  for (const setting of settings) if (!byPath.has(setting.path)) byPath.set(setting.path, setting);
  return [...byPath.values()];
}

/** A schema and its alternatives. */
function branchesOf(schema: RawMap): RawMap[] {
  return [schema, ...asList(schema['anyOf']).map(asMap)];
}

/** Where a key of this name belongs: the paths of the mappings that have it. */
export function placesOfKey(key: string): string[] {
  return listSettings()
    .filter((setting) => setting.key === key)
    .map(({ path }) => (path === key ? 'the top level' : path.slice(0, -key.length - 1)));
}

/** The keys that the mapping at `path` may have. */
export function keysAt(path: ConfigPath): string[] {
  let schemas = branchesOf(asMap(jsonSchema()));
  for (const step of path) {
    schemas = schemas.flatMap((schema) => {
      if (typeof step === 'number') return branchesOf(asMap(schema['items']));
      const property = asMap(schema['properties'])[step] ?? schema['additionalProperties'];
      return isMap(property) ? branchesOf(property) : [];
    });
  }
  return schemas.flatMap((schema) => Object.keys(asMap(schema['properties'])));
}
