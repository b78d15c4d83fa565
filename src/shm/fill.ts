import type { StoredObject } from './stored-object.ts';

/** An object on its way into the store. Its bytes are this participant's alone until `publish`. Ends with `publish` or `abort`. */
export class Fill {
  /** Body bytes written so far. */
  get bytesStored(): number {
    throw new Error('not yet');
  }

  /** Appends a copy of `bytes` to the body. False: no room, or the object got too large; abort it then. */
  write(_bytes: Uint8Array): boolean {
    throw new Error('not yet');
  }

  /** Makes the object findable, then drops those it replaces. Undefined when the lock could not be had; the fill is over then too. */
  publish(_replaces: readonly StoredObject[]): StoredObject | undefined {
    throw new Error('not yet');
  }

  /** Gives everything back. Harmless after the end. */
  abort(): void {
    throw new Error('not yet');
  }
}
