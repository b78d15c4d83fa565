import { readFileSync } from 'node:fs';
import type { GatewayConfig } from '../config/types.ts';

/** What the process itself has open: the loops and pipes of its threads, databases, logs, listen sockets. */
const OWN_FILES = 40;
const FILES_OF_WORKER = 16;
/** A client that is being served needs two: its own connection, and one to the upstream. */
const FILES_OF_CLIENT = 2;
const MIN_CONNECTIONS = 8;

/** How many files this process may have open; `undefined` where the system does not say so here. Node has raised it to the hard limit. */
export function maxOpenFiles(): number | undefined {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? [];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    // Not Linux.
    return undefined;
  }
}

/**
 * The configuration with no more client connections than the process may open files for. Without that clients who do nothing could take
 * them all: then no upstream can be reached any more, and the loop spins over a connection that it cannot accept.
 */
export function withinOpenFiles(config: GatewayConfig, openFiles: number | undefined): GatewayConfig {
  if (openFiles === undefined) return config;
  const { workers, listeners } = config;
  const left = (openFiles - OWN_FILES - FILES_OF_WORKER * workers) / FILES_OF_CLIENT;
  const share = Math.max(MIN_CONNECTIONS, Math.floor(left / (workers * listeners.length)));
  return {
    ...config,
    listeners: listeners.map((listener) => {
      const { limits } = listener;
      return { ...listener, limits: { ...limits, maxConnections: Math.min(limits.maxConnections, share) } };
    }),
  };
}
