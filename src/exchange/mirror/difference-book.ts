import type { DifferenceExample } from './redact-example.ts';

/** Fields that are told apart; further ones are counted together. */
const MAX_FIELDS = 500;
const OTHER_FIELDS = '(other fields)';
const MAX_EXAMPLES = 10;

/** `raw`: how often live and shadow differed there. `noise`: how often live differed there from live itself. */
export type FieldCount = { readonly raw: number; readonly noise: number; readonly examples: readonly DifferenceExample[] };

/** What has been compared, in a form that can be posted and added up. */
export type Differences = { readonly compared: number; readonly fields: Readonly<Record<string, FieldCount>> };

/** Counts of differences by field. Bounded, whatever an upstream sends. */
export class DifferenceBook {
  #compared = 0;
  #fields = new Map<string, { raw: number; noise: number; examples: DifferenceExample[] }>();

  get compared(): number {
    return this.#compared;
  }

  /** One request has been compared. `exampleOf` is called for what is kept. */
  add(raw: Iterable<string>, noise: Iterable<string>, exampleOf: (path: string) => DifferenceExample): void {
    this.#compared += 1;
    for (const path of raw) {
      const field = this.#field(path);
      field.raw += 1;
      if (field.examples.length < MAX_EXAMPLES) field.examples.push(exampleOf(path));
    }
    for (const path of noise) this.#field(path).noise += 1;
  }

  merge({ compared, fields }: Differences): void {
    this.#compared += compared;
    for (const [path, { raw, noise, examples }] of Object.entries(fields)) {
      const field = this.#field(path);
      field.raw += raw;
      field.noise += noise;
      field.examples.push(...examples.slice(0, Math.max(0, MAX_EXAMPLES - field.examples.length)));
    }
  }

  read(): Differences {
    return { compared: this.#compared, fields: Object.fromEntries(this.#fields) };
  }

  /** What there is, which is then no longer here; `undefined` = nothing. */
  take(): Differences | undefined {
    if (this.#compared === 0) return undefined;
    const taken = this.read();
    this.clear();
    return taken;
  }

  clear(): void {
    this.#compared = 0;
    this.#fields = new Map();
  }

  #field(path: string): { raw: number; noise: number; examples: DifferenceExample[] } {
    const name = this.#fields.has(path) || this.#fields.size < MAX_FIELDS ? path : OTHER_FIELDS;
    let field = this.#fields.get(name);
    if (field === undefined) {
      field = { raw: 0, noise: 0, examples: [] };
      this.#fields.set(name, field);
    }
    return field;
  }
}
