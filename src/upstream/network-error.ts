import type { FailureKind } from './failure.ts';

/** The system's word for what happened, such as `ECONNRESET`. */
export function errorCode(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}

/** Node tries the addresses of a name one after the other; the error of several carries the code of the first. */
export function connectFailureKind(error: Error): FailureKind {
  if ('syscall' in error && error.syscall === 'getaddrinfo') return 'dns-failed';
  switch (errorCode(error)) {
    case 'ECONNREFUSED':
      return 'connect-refused';
    case 'ETIMEDOUT':
      return 'connect-timeout';
    default:
      return 'connect-failed';
  }
}
