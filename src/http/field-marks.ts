/**
 * Where the field lines of one head stand in its text. Hot object: pooled together with its head, overwritten by the parser,
 * never grown: a head with more fields than `capacity` is refused before it gets here. All positions are indices into the
 * head's latin1 text, which are byte offsets too.
 */
export class FieldMarks {
  /** One of the FIELD_ ids; FIELD_OTHER for a name that nobody here asks for. */
  readonly kinds: Uint8Array;
  /** First character of the line, which is the first of the name. */
  readonly starts: Int32Array;
  /** After the last character of the name, where the colon stands. */
  readonly nameEnds: Int32Array;
  /** Value without the white space around it; start equals end for an empty one. */
  readonly valueStarts: Int32Array;
  readonly valueEnds: Int32Array;
  /** After the CRLF of the line, so the start of the next. */
  readonly ends: Int32Array;
  readonly capacity: number;
  count: number;

  constructor(capacity: number) {
    this.kinds = new Uint8Array(capacity);
    this.starts = new Int32Array(capacity);
    this.nameEnds = new Int32Array(capacity);
    this.valueStarts = new Int32Array(capacity);
    this.valueEnds = new Int32Array(capacity);
    this.ends = new Int32Array(capacity);
    this.capacity = capacity;
    this.count = 0;
  }

  reset(): void {
    this.count = 0;
  }
}
