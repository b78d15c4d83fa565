/** Fields that there is room for at first: for two hundred it would be 4 KiB a head. */
const ROOM = 32;

/**
 * Where the field lines of one head stand in its text. Hot object: pooled together with its head, overwritten by the parser.
 * Nearly all heads have fewer fields than `ROOM`; one with more makes room for itself, up to `capacity`, beyond which it is
 * refused before it gets here. All positions are indices into the head's latin1 text, which are byte offsets too.
 */
export class FieldMarks {
  /** One of the FIELD_ ids; FIELD_OTHER for a name that nobody here asks for. */
  kinds: Uint8Array;
  /** First character of the line, which is the first of the name. */
  starts: Int32Array;
  /** After the last character of the name, where the colon stands. */
  nameEnds: Int32Array;
  /** Value without the white space around it; start equals end for an empty one. */
  valueStarts: Int32Array;
  valueEnds: Int32Array;
  /** After the CRLF of the line, so the start of the next. */
  ends: Int32Array;
  readonly capacity: number;
  count: number;

  /** Fields that there is room for now. */
  room: number;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.count = 0;
    this.room = Math.min(ROOM, capacity);
    this.kinds = new Uint8Array(this.room);
    this.starts = new Int32Array(this.room);
    this.nameEnds = new Int32Array(this.room);
    this.valueStarts = new Int32Array(this.room);
    this.valueEnds = new Int32Array(this.room);
    this.ends = new Int32Array(this.room);
  }

  /** Makes room for `capacity` fields, once. */
  grow(): void {
    const { kinds } = this;
    this.room = this.capacity;
    this.kinds = new Uint8Array(this.room);
    this.kinds.set(kinds);
    this.starts = widened(this.starts, this.room);
    this.nameEnds = widened(this.nameEnds, this.room);
    this.valueStarts = widened(this.valueStarts, this.room);
    this.valueEnds = widened(this.valueEnds, this.room);
    this.ends = widened(this.ends, this.room);
  }

  reset(): void {
    this.count = 0;
  }
}

function widened(places: Int32Array, room: number): Int32Array {
  const wide = new Int32Array(room);
  wide.set(places);
  return wide;
}
