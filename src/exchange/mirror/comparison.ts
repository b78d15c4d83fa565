import type { CompareConfig } from '../../config/mirror-types.ts';
import { type CapturedAnswer, compareAnswers, isJsonType } from './compare-answers.ts';
import { decodeBody } from './decode-body.ts';
import type { DifferenceBook } from './difference-book.ts';
import { exampleText } from './redact-example.ts';
import type { SideAnswer, SideOutcome } from './side-request.ts';

/** Of a decoded body, as many times what is kept of one. */
const MAX_EXPANSION = 4;

export type ComparisonSettings = {
  readonly config: CompareConfig;
  readonly book: DifferenceBook;
  /** A request as it is shown in examples. */
  readonly request: string;
  reportError(where: string, error: unknown): void;
};

/**
 * Waits for three answers to one request: the live one that a client gets, that of the shadow, and a second live one. What differs between the first two is a
 * difference, what differs between the live ones is noise. Without all three nothing is said.
 */
export class Comparison {
  private readonly settings: ComparisonSettings;
  private live: SideOutcome | null = null;
  private shadow: SideOutcome | null = null;
  private twin: SideOutcome | null = null;
  private isOff = false;
  onCancelled: (() => void) | null = null;

  constructor(settings: ComparisonSettings) {
    this.settings = settings;
  }

  onLive(outcome: SideOutcome): void {
    // What comes after it is another upstream's, or the rest of an answer.
    this.live ??= outcome;
    this.advance();
  }

  onShadow(outcome: SideOutcome): void {
    this.shadow = outcome;
    this.advance();
  }

  onTwin(outcome: SideOutcome): void {
    this.twin = outcome;
    this.advance();
  }

  /** One of the answers will not come: then nobody needs a second live one. */
  cancel(): void {
    if (this.isOff) return;
    this.isOff = true;
    this.onCancelled?.();
  }

  /** The live exchange is over: its answer is there, or will not come. */
  endLive(): void {
    if (this.live === null) this.cancel();
  }

  private advance(): void {
    const { live, shadow, twin, settings } = this;
    if (this.isOff || live === null || shadow === null || twin === null) return;
    this.isOff = true;
    // Off the way of requests: it may take a millisecond.
    setImmediate(() => {
      compare(settings, { live, shadow, twin }).catch((error: unknown) => settings.reportError('comparing a mirrored answer', error));
    });
  }
}

type Outcomes = Readonly<Record<'live' | 'shadow' | 'twin', SideOutcome>>;

async function compare({ config, book, request }: ComparisonSettings, outcomes: Outcomes): Promise<void> {
  const { maxBodyBytes, fields, ignored } = config;
  const [live, shadow, twin] = await Promise.all([outcomes.live, outcomes.shadow, outcomes.twin].map((one) => captured(one, maxBodyBytes)));
  if (live === undefined || shadow === undefined || twin === undefined) return;
  const compared = { only: fields, ignored };
  const raw = compareAnswers(live, shadow, compared);
  const noise = compareAnswers(live, twin, compared);
  book.add(raw.keys(), noise.keys(), (path) => {
    const pair = raw.get(path);
    return { request, live: exampleText(path, pair?.left), shadow: exampleText(path, pair?.right) };
  });
}

async function captured(outcome: SideOutcome, maxBodyBytes: number): Promise<CapturedAnswer> {
  if (outcome.kind === 'failure') return outcome;
  const { status, fields, contentType } = outcome;
  const body = await bodyOf(outcome, maxBodyBytes);
  const bodyBytes = body === outcome.body ? outcome.bodyBytes : body.length;
  return { kind: 'answer', status, fields, isJson: isJsonType(contentType), body, bodyBytes };
}

/** Part of a coded body cannot be decoded. */
async function bodyOf({ body, bodyBytes, contentEncoding }: SideAnswer, maxBodyBytes: number): Promise<Buffer> {
  return body.length < bodyBytes ? body : decodeBody(body, contentEncoding, maxBodyBytes * MAX_EXPANSION);
}
