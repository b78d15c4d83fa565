import { closeSync, constants, openSync } from 'node:fs';
import type { AccessLogConfig } from '../config/types.ts';
import { openPatient, type PatientOutput } from './standard-output.ts';

const STDOUT = 1;
const STDERR = 2;
/** Opened once: writes that wait for a reader would each hold a thread that looks up names and reads files, and the end of the process. */
const patient = new Map<number, PatientOutput>();
const NONE = -1;
/** A named pipe without a reader is an error and not a wait, which would be the coordinator's; one whose reader stands still is written to later. */
const APPENDING = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NONBLOCK;

/** The descriptor of the access log, which every thread of the process writes to. Opened for appending; -1 = no access log. */
export class AccessTarget {
  #fd = NONE;

  get fd(): number {
    return this.#fd;
  }

  /** Opens what the configuration names and returns the new descriptor. The old one stays open until `close`. Throws as `openSync`. */
  open(config: AccessLogConfig): number {
    this.#fd = descriptorOf(config);
    return this.#fd;
  }

  /** A descriptor that nobody writes to any more. */
  close(fd: number): void {
    const isStandard = fd <= STDERR || Array.from(patient.values()).some((output) => output.fd === fd);
    if (!isStandard && fd !== this.#fd) closeSync(fd);
  }
}

function descriptorOf({ enabled, path }: AccessLogConfig): number {
  if (!enabled) return NONE;
  if (path === 'stdout') return patientDescriptor(STDOUT);
  if (path === 'stderr') return patientDescriptor(STDERR);
  return openSync(path, APPENDING, 0o640);
}

function patientDescriptor(fd: 1 | 2): number {
  const output = patient.get(fd) ?? openPatient(fd);
  patient.set(fd, output);
  output.prepare();
  return output.fd;
}
