import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { waitFor } from './wait-for.ts';

const LAUNCHER = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), 'scripts/sluice');
const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 30_000;
const INSIST_MS = 100;
const CONFIG_NAME = 'sluice.yaml';

export type SluiceOptions = {
  /** Text of the configuration, written to `sluice.yaml` in a folder of its own and given as `--config`. */
  readonly config?: string;
  /** Further files beside it, by name (filters). */
  readonly files?: Readonly<Record<string, string>>;
  /** Further arguments after `start`. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Of the system, for each of its processes. */
  readonly maxOpenFiles?: number;
  /** Descriptor that becomes its standard error; `stderr` stays empty. */
  readonly stderrFd?: number;
};

export type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };
export type Finished = Exit & { readonly stdout: string; readonly stderr: string };

/** A real Sluice, started by its launcher in a folder of its own. */
export class SluiceProcess {
  readonly folder: string;
  stdout = '';
  stderr = '';
  /** Addresses of the ready line, in its order: `http://127.0.0.1:8080`. */
  addresses: readonly URL[] = [];
  exit: Exit | undefined;
  readonly #child: ChildProcess;

  private constructor(command: readonly string[], options: SluiceOptions) {
    this.folder = mkdtempSync(join(tmpdir(), 'sluice-test-'));
    for (const [name, text] of Object.entries(options.files ?? {})) this.writeFile(name, text);
    if (options.config !== undefined) this.writeConfig(options.config);
    const config = options.config === undefined ? [] : ['--config', join(this.folder, CONFIG_NAME)];
    const [verb = 'start', ...rest] = command;
    const limited = options.maxOpenFiles === undefined ? [] : ['bash', '-c', `ulimit -n ${options.maxOpenFiles} && exec "$0" "$@"`];
    const [file = LAUNCHER, ...line] = [...limited, LAUNCHER, verb, ...config, ...rest, ...(options.args ?? [])];
    this.#child = spawn(file, line, {
      cwd: this.folder,
      env: { ...process.env, NO_COLOR: '1', ...options.env },
      stdio: ['ignore', 'pipe', options.stderrFd ?? 'pipe'],
    });
    this.#listen(this.#child);
  }

  /** Starts, and waits for the ready line. Throws with the output if it ends before. The caller stops it (`t.after(() => sluice.stop())`). */
  static async start(options: SluiceOptions = {}): Promise<SluiceProcess> {
    const sluice = new SluiceProcess(['start'], options);
    try {
      sluice.addresses = await waitFor('sluice ready', () => sluice.#readyAddresses(), READY_TIMEOUT_MS);
    } catch (error) {
      await sluice.stop();
      throw new Error(`${String(error)}\n${sluice.stdout}${sluice.stderr}`);
    }
    return sluice;
  }

  /** Runs another command (`check`, `explain`) to its end. `--config` is given if `config` is. */
  static async run(command: readonly string[], options: SluiceOptions = {}): Promise<Finished> {
    const sluice = new SluiceProcess(command, options);
    const exit = await sluice.untilExit();
    rmSync(sluice.folder, { recursive: true, force: true });
    return { ...exit, stdout: sluice.stdout, stderr: sluice.stderr };
  }

  /** Of the supervisor. */
  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** Of the first listener. */
  get port(): number {
    return Number(this.addresses[0]?.port ?? 0);
  }

  writeConfig(text: string): void {
    this.writeFile(CONFIG_NAME, text);
  }

  writeFile(name: string, text: string): void {
    const path = join(this.folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Whoever reads its standard output goes. */
  closeStdout(): void {
    this.#child.stdout?.destroy();
  }

  untilExit(timeoutMs: number = STOP_TIMEOUT_MS): Promise<Exit> {
    return waitFor('sluice ends', () => this.exit, timeoutMs);
  }

  /** Waits until a text is in what was written to standard output or standard error. */
  async untilOutput(text: string | RegExp, timeoutMs?: number): Promise<void> {
    const isThere = (): boolean => {
      const output = this.stdout + this.stderr;
      return typeof text === 'string' ? output.includes(text) : text.test(output);
    };
    await waitFor(`output ${text}`, isThere, timeoutMs).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${this.stdout}${this.stderr}`);
    });
  }

  /**
   * Ends it by SIGTERM, and by a second one, which waits for nothing; kills if that does not help, removes the folder. Harmless
   * when called again. A drain that is to be watched is a signal and `untilExit`.
   */
  async stop(): Promise<Exit> {
    const insist = (): void => {
      if (this.exit === undefined) this.signal('SIGTERM');
    };
    insist();
    const insisting = setInterval(insist, INSIST_MS);
    const exit = await this.untilExit().catch(() => {
      this.signal('SIGKILL');
      return this.untilExit();
    });
    clearInterval(insisting);
    rmSync(this.folder, { recursive: true, force: true });
    return exit;
  }

  #listen(child: ChildProcess): void {
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    child.on('error', (error) => {
      this.stderr += `${error.message}\n`;
      this.exit = { code: 127, signal: null };
    });
    child.on('close', (code, signal) => {
      this.exit = { code, signal };
    });
    const killAtExit = (): void => {
      child.kill('SIGKILL');
    };
    process.once('exit', killAtExit);
    child.once('close', () => process.off('exit', killAtExit));
  }

  #readyAddresses(): readonly URL[] | undefined {
    const line = /^.*\bsluice ready\b(.*)\n/m.exec(this.stdout) ?? /^.*\bsluice ready\b(.*)\n/m.exec(this.stderr);
    if (line !== null) return [...(line[1] ?? '').matchAll(/https?:\/\/[^\s,;)"]+/g)].map((found) => new URL(found[0]));
    if (this.exit !== undefined) throw new Error(`ended before it was ready: ${JSON.stringify(this.exit)}`);
    return undefined;
  }
}
