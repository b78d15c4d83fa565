import type { GatewayConfig } from '../../config/types.ts';
import { DifferenceBook, type Differences } from './difference-book.ts';

/** What mirrors of one worker have compared, by route, until the coordinator has it. */
export class Mirrors {
  readonly #books = new Map<string, { readonly settings: string; readonly book: DifferenceBook }>();

  /** A plan comes into force: what was compared by other settings is forgotten. */
  prepare({ routes }: Pick<GatewayConfig, 'routes'>): void {
    const wanted = new Map(routes.map(({ name, mirror }) => [name, JSON.stringify(mirror)]));
    for (const [name, { settings }] of this.#books) if (wanted.get(name) !== settings) this.#books.delete(name);
    for (const { name, mirror } of routes) {
      if (mirror?.compare === undefined || this.#books.has(name)) continue;
      this.#books.set(name, { settings: JSON.stringify(mirror), book: new DifferenceBook() });
    }
  }

  bookOf(route: string): DifferenceBook | undefined {
    return this.#books.get(route)?.book;
  }

  /** What is new since the last time; `undefined` = nothing. */
  take(): Readonly<Record<string, Differences>> | undefined {
    const taken = Array.from(this.#books, ([name, { book }]) => [name, book.take()] as const).filter(
      ([, differences]) => differences !== undefined,
    );
    return taken.length === 0 ? undefined : (Object.fromEntries(taken) as Readonly<Record<string, Differences>>);
  }
}
