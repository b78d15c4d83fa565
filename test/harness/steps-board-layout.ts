/** Where everything is on the board of `steps-board.ts`. */

export const MAX_PARTICIPANTS = 4;
/** Longer runs are cut: a livelock, or a case that is too large. */
export const MAX_STEPS = 20_000;
export const MAX_DECISIONS = MAX_STEPS;
export const TEXT_BYTES = 64 * 1024;

/** Cells of the whole. */
export const FINISHED = 0; // the main thread waits on it
export const VERDICT = 1;
export const COUNT = 2;
export const PREFIX = 3; // length
export const DECISIONS = 4; // how many have been made
export const STEPS = 5; // how many have been taken
export const EVENTS = 6;
export const PREVIOUS = 7; // who took the last step
export const RANDOM = 8; // state of the random walk; 0: the previous one goes on as long as it can
export const TIMEOUTS = 9;
export const KILL_WHO = 10;
export const KILL_STEP = 11;
export const MAY_TIME_OUT = 12;
export const ORDER = 13; // gives waits their turn
export const NOW_MS = 14;
export const HEAD_CELLS = 16;

/** Cells of a participant. */
export const WAKE = 0;
export const STATE = 1;
export const AFTER = 2; // mask of those who must have ended before it begins
export const TAKEN = 3; // its steps
export const WAIT_BUFFER = 4;
export const WAIT_BYTE = 5;
export const WAIT_MODE = 6;
export const WAIT_ORDER = 7;
export const SPIN_BUFFER = 8; // -1: it does not spin
export const SPIN_BYTE = 9;
export const SPIN_VALUE = 10;
export const TEXT_LENGTH = 11;
export const SWAP_BUFFER = 12; // the last swap that failed, as long as it was the last step
export const SWAP_BYTE = 13;
export const SWAP_EXPECTED = 14;
export const PART_CELLS = 16;

export const STATES = { waitingToBegin: 0, ready: 1, waiting: 2, done: 3, killed: 4 } as const;
export const WAITS = { none: 0, forever: 1, bounded: 2, notified: 3 } as const;
export const VERDICTS = { good: 0, deadlock: 1, tooLong: 2 } as const;
export const COMMANDS = { sleep: 0, go: 1, load: 2, quit: 3, abort: 4 } as const;

export const DECISIONS_AT = HEAD_CELLS + MAX_PARTICIPANTS * PART_CELLS;
export const PREFIX_AT = DECISIONS_AT + MAX_DECISIONS;
export const LOG_AT = PREFIX_AT + MAX_DECISIONS;
export const LOG_CELLS = 2;
export const TEXT_AT = (LOG_AT + MAX_STEPS * LOG_CELLS) * 4;
