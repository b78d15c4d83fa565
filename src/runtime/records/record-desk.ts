import { never } from '../../base/never.ts';
import type { BeginOrder, Begun, GivingUp, KeptAnswer, RunToken } from '../../exchange/idempotency-records.ts';
import type { BookAnswer, RecordBook } from './record-book.ts';
import type { AskRecords, TellWorker } from './record-messages.ts';

/** One worker, as long as it is connected. */
type Link = {
  readonly tell: (message: TellWorker) => void;
  /** Its questions that have no answer yet, by number. */
  readonly asked: Map<number, BeginWork>;
  /** What runs there, by key. */
  readonly running: Map<string, RunToken>;
  isClosed: boolean;
};

type BeginWork = {
  readonly kind: 'begin';
  readonly link: Link;
  readonly id: number;
  readonly order: BeginOrder;
  isParked: boolean;
};

type Work =
  | BeginWork
  | { readonly kind: 'complete'; readonly link: Link; readonly token: RunToken; readonly answer: KeptAnswer }
  | { readonly kind: 'giveUp'; readonly token: RunToken; readonly how: GivingUp };

type Done = { readonly work: Work; readonly begun: BookAnswer | undefined; readonly isKept: boolean };

export type DeskOptions = {
  /** Calls the function soon, when what came at the same time is here too. */
  readonly schedule: (step: () => void) => void;
  readonly wallNowMs: () => number;
  readonly onFailure: (error: unknown) => void;
  /** Whose runs may be resumed until `endGrace`; '' = nobody's. */
  readonly predecessor: string;
};

/**
 * What workers ask of the records, and when they are answered. All that comes in one turn goes into one transaction, so that one
 * write to the disk serves many requests; nobody is told anything before it is on disk. Who waits for a key that runs is asked for
 * again when that run has ended.
 *
 * A link that closes is a worker that has died: what ran there is unknown from then on. What cannot be written is tried again (`tick`),
 * and until then its key runs.
 */
export class RecordDesk {
  failures = 0;
  readonly #options: DeskOptions;
  readonly #links = new Set<Link>();
  readonly #parked = new Map<string, Set<BeginWork>>();
  /** Keys that run on a link of ours: whoever waits for them is told by us. */
  readonly #local = new Map<string, RunToken>();
  #book: RecordBook | undefined;
  #predecessor: string;
  /** Came before there was a book. */
  #resumes: (() => void)[] = [];
  #queue: Work[] = [];
  #debts: Work[] = [];
  #isFlushDue = false;

  constructor(options: DeskOptions) {
    this.#options = options;
    this.#predecessor = options.predecessor;
  }

  /** From now on there are records. */
  open(book: RecordBook): void {
    this.#book = book;
    for (const resume of this.#resumes.splice(0)) resume();
  }

  /** Whether runs of that owner may still be resumed. */
  isAwaiting(owner: string): boolean {
    return owner !== '' && owner === this.#predecessor;
  }

  /** What of the predecessor's runs nobody has resumed is unknown. */
  endGrace(): void {
    if (this.#predecessor === '') return;
    const predecessor = this.#predecessor;
    this.#predecessor = '';
    this.#attempt((book) => book.loseOf(predecessor, this.#options.wallNowMs()));
  }

  connect(tell: (message: TellWorker) => void): { readonly onMessage: (message: AskRecords) => void; readonly onClose: () => void } {
    const link: Link = { tell, asked: new Map(), running: new Map(), isClosed: false };
    this.#links.add(link);
    return { onMessage: (message) => this.#onMessage(link, message), onClose: () => this.#onClose(link) };
  }

  /** Now and then: debts, and those who wait for what runs in another process, which tells us nothing. */
  tick(): void {
    this.#queue.push(...this.#debts.splice(0));
    for (const [key, waiting] of this.#parked) if (!this.#local.has(key)) this.#queue.push(...waiting);
    if (this.#queue.length > 0) this.#flushSoon();
  }

  /** Does what is due. */
  flush(): void {
    this.#isFlushDue = false;
    const works = this.#queue.splice(0);
    if (works.length === 0) return;
    const done = this.#attempt((book) => works.map((work) => this.#do(book, work)));
    if (done === undefined) for (const work of works) this.#fail(work);
    else for (const one of done) this.#settle(one);
  }

  /** Workers are gone. */
  close(): void {
    for (const link of this.#links) this.#onClose(link);
    this.flush();
  }

  #onMessage(link: Link, message: AskRecords): void {
    switch (message.kind) {
      case 'begin': {
        const work: BeginWork = { kind: 'begin', link, id: message.id, order: message.order, isParked: false };
        link.asked.set(message.id, work);
        this.#enqueue(work);
        return;
      }
      case 'leave':
        this.#forget(link.asked.get(message.id));
        return;
      case 'complete':
        this.#enqueue({ kind: 'complete', link, token: message.token, answer: message.answer });
        return;
      case 'giveUp':
        this.#enqueue({ kind: 'giveUp', token: message.token, how: message.how });
        return;
      case 'resume':
        this.#resume(link, message.tokens);
        return;
      default:
        never(message, 'onMessage');
    }
  }

  #resume(link: Link, tokens: readonly RunToken[]): void {
    if (this.#book === undefined) {
      this.#resumes.push(() => this.#resume(link, tokens));
      return;
    }
    const predecessor = this.#predecessor;
    const adopted = this.#attempt((book) => tokens.filter((token) => book.adopt(token, predecessor))) ?? [];
    for (const token of adopted) {
      this.#begin(link, token);
      if (link.isClosed) this.#enqueue({ kind: 'giveUp', token, how: 'unknown' });
    }
  }

  #onClose(link: Link): void {
    if (link.isClosed) return;
    link.isClosed = true;
    this.#links.delete(link);
    for (const work of link.asked.values()) this.#forget(work);
    for (const token of link.running.values()) this.#enqueue({ kind: 'giveUp', token, how: 'unknown' });
  }

  #do(book: RecordBook, work: Work): Done {
    const nowMs = this.#options.wallNowMs();
    switch (work.kind) {
      case 'begin':
        return { work, begun: this.#isWanted(work) ? book.begin(work.order, nowMs) : undefined, isKept: false };
      case 'complete':
        return { work, begun: undefined, isKept: book.complete(work.token, work.answer, nowMs) };
      case 'giveUp':
        return { work, begun: undefined, isKept: book.giveUp(work.token, work.how, nowMs) };
      default:
        return never(work, 'do');
    }
  }

  /** It is on disk: who asked is told. */
  #settle({ work, begun, isKept }: Done): void {
    switch (work.kind) {
      case 'begin':
        if (begun !== undefined) this.#settleBegin(work, begun);
        return;
      case 'complete':
        work.link.tell({ kind: 'kept', token: work.token, isKept });
        this.#end(work.token);
        return;
      case 'giveUp':
        this.#end(work.token);
        return;
      default:
        never(work, 'settle');
    }
  }

  #settleBegin(work: BeginWork, begun: BookAnswer): void {
    const { link, order } = work;
    switch (begun.kind) {
      case 'run':
        this.#begin(link, begun.token);
        this.#answer(work, begun);
        return;
      case 'running':
        if (order.waits) this.#park(work);
        else this.#answer(work, { kind: 'running' });
        return;
      case 'replay':
        this.#answer(work, { ...begun, hasWaited: work.isParked });
        return;
      case 'full':
        this.#answer(work, { kind: 'unavailable' });
        return;
      default:
        this.#answer(work, { kind: begun.kind });
    }
  }

  /** Nothing of it is on disk. */
  #fail(work: Work): void {
    switch (work.kind) {
      case 'begin':
        if (this.#isWanted(work)) this.#answer(work, { kind: 'unavailable' });
        return;
      case 'complete':
        // The client gets its answer; who asks later is told that nobody knows, since we could not keep it.
        work.link.tell({ kind: 'kept', token: work.token, isKept: false });
        this.#debts.push({ kind: 'giveUp', token: work.token, how: 'unknown' });
        return;
      case 'giveUp':
        this.#debts.push(work);
        return;
      default:
        never(work, 'fail');
    }
  }

  #begin(link: Link, token: RunToken): void {
    link.running.set(token.key, token);
    this.#local.set(token.key, token);
  }

  /** A run is over: who waits for it asks again, in the order in which they came. */
  #end(token: RunToken): void {
    const { key, run } = token;
    if (this.#local.get(key)?.run === run) this.#local.delete(key);
    for (const link of this.#links) if (link.running.get(key)?.run === run) link.running.delete(key);
    const waiting = this.#parked.get(key);
    if (waiting !== undefined) for (const work of waiting) this.#enqueue(work);
  }

  #park(work: BeginWork): void {
    const { key } = work.order;
    const waiting = this.#parked.get(key);
    if (waiting === undefined) this.#parked.set(key, new Set([work]));
    else waiting.add(work);
    if (work.isParked) return;
    work.isParked = true;
    work.link.tell({ kind: 'begun', id: work.id, begun: { kind: 'parked' } });
  }

  #answer(work: BeginWork, begun: Begun): void {
    this.#forget(work);
    work.link.tell({ kind: 'begun', id: work.id, begun });
  }

  #forget(work: BeginWork | undefined): void {
    if (work === undefined) return;
    work.link.asked.delete(work.id);
    const { key } = work.order;
    const waiting = this.#parked.get(key);
    waiting?.delete(work);
    if (waiting?.size === 0) this.#parked.delete(key);
  }

  #isWanted(work: BeginWork): boolean {
    return work.link.asked.get(work.id) === work;
  }

  #enqueue(work: Work): void {
    this.#queue.push(work);
    this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    this.#options.schedule(() => this.flush());
  }

  /** `undefined`: there are no records, or they could not be written. */
  #attempt<T>(step: (book: RecordBook) => T): T | undefined {
    const book = this.#book;
    if (book === undefined) return undefined;
    try {
      return book.transact(() => step(book));
    } catch (error) {
      this.failures += 1;
      this.#options.onFailure(error);
      return undefined;
    }
  }
}
