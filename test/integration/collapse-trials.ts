import { setTimeout as sleep } from 'node:timers/promises';
import { SluiceProcess } from '../harness/sluice-process.ts';
import { waitFor } from '../harness/wait-for.ts';
import { type Outcome, TrialClient } from './trial-client.ts';
import { TrialOrigin } from './trial-origin.ts';
import { FAULTS, type FaultKind, planTrial, tagOf, type TrialPlan } from './trial-plan.ts';

/**
 * Herds whose one request to the origin meets with something: the leader's worker ends, its client leaves, the origin's connections
 * break in the middle. Each client must have a whole answer, or one that was honestly cut or refused; and where nothing stands in the
 * way of a whole one, a whole one.
 */

const WORKERS = 3;
/** After this many deaths of workers in quick succession Sluice waits too long with the next one for this: another Sluice is started. */
const DEATHS_A_LIFE = 6;
const OUTCOME_TIMEOUT_MS = 20_000;
const MAX_OPENED = 60;
const SHARE_LEAVING = 0.1;
const SHARE_NAPPING = 0.2;
const MAX_NAP_MS = 100;

const FILTERS = {
  'who.ts': `import { threadId } from 'node:worker_threads';
export const filter = { request: () => ({ status: 200, headers: { 'x-worker': String(threadId) } }) };
`,
  'die.ts': 'export const filter = { request: () => process.exit(7) };\n',
};

export type TrialsOptions = { readonly trials: number; readonly seed: number };

export type FaultCounts = {
  trials: number;
  /** Clients beside the leader that did not leave. */
  followers: number;
  /** Of these, on the worker that ended. */
  onDead: number;
  whole: number;
  /** Of these: what another one's request brought, says `Cache-Status`. */
  collapsed: number;
  cut: number;
  refused: number;
  /** Clients for whom nothing stood in the way of a whole answer; each had one. */
  entitled: number;
  originRequests: number;
  /** Of these, for the rest of an answer, and given. */
  rests: number;
  /** Requests for one answer at one time. */
  mostAtOnce: number;
};

export type TrialsReport = {
  readonly counts: Readonly<Record<FaultKind, FaultCounts>>;
  readonly deaths: number;
  readonly faults: readonly string[];
};

export async function runCollapseTrials({ trials, seed }: TrialsOptions): Promise<TrialsReport> {
  const scene = new Scene();
  try {
    await scene.begin();
    for (let index = 0; index < trials; index++) await scene.run(planTrial(seed, index));
    return { counts: scene.counts, deaths: scene.deaths, faults: scene.faults };
  } finally {
    await scene.end();
  }
}

type Cast = { readonly leader: TrialClient; readonly followers: TrialClient[]; readonly killer: TrialClient };
type Judged = { readonly client: TrialClient; readonly outcome: Outcome; readonly isLate: boolean };

class Scene {
  readonly counts = Object.fromEntries(FAULTS.map((fault) => [fault, noCounts()])) as Record<FaultKind, FaultCounts>;
  readonly faults: string[] = [];
  deaths = 0;
  readonly #origin = new TrialOrigin();
  #originPort = 0;
  /** With listeners of both engines. */
  #whole: SluiceProcess | undefined;
  /** Whose workers end: under engine uws the whole process would end with one of them (src/runtime/README.md). */
  #mortal: SluiceProcess | undefined;
  #deathsOfLife = 0;

  async begin(): Promise<void> {
    this.#originPort = await this.#origin.listen();
    [this.#whole, this.#mortal] = await Promise.all([this.#start(['uws', 'node']), this.#start(['node'])]);
  }

  async end(): Promise<void> {
    await Promise.all([this.#whole?.stop(), this.#mortal?.stop()]);
    await this.#origin.leave();
  }

  async run(plan: TrialPlan): Promise<void> {
    const { random } = plan;
    if (plan.fault === 'worker' && this.#deathsOfLife >= DEATHS_A_LIFE) await this.#replaceMortal();
    const { leader, followers, killer } = await this.#gather(plan);
    const path = `/c/${plan.name}`;
    this.#origin.begin(plan);
    leader.ask(path, random() < 0.5);
    await waitFor('the leader is with the origin', () => this.#origin.tally.requests === 1);
    for (const follower of followers) {
      if (random() < SHARE_NAPPING) follower.nap(random() * MAX_NAP_MS);
      follower.ask(path, random() < 0.5);
    }
    await this.#origin.untilStopped();
    await sleep(plan.faultAfterMs);
    const left = followers.filter(() => random() < SHARE_LEAVING);
    for (const client of left) client.leave(random() < 0.5);
    await this.#fail(plan, leader, killer);
    const late = await this.#openSome(plan.lateFollowers, plan);
    for (const client of late) client.ask(path, random() < 0.5);
    await sleep(plan.pauseMs);
    if (plan.fault === 'origin') await this.#origin.listen();
    this.#origin.goOn();
    const staying = [...followers, ...late].filter((client) => !left.includes(client));
    await this.#judge(plan, leader, { staying, late });
    killer.leave(false);
  }

  async #judge(plan: TrialPlan, leader: TrialClient, { staying, late }: { staying: TrialClient[]; late: TrialClient[] }): Promise<void> {
    const expected = { bodies: this.#origin.bodies, tags: [0, 1].map((version) => tagOf(plan, version)) };
    const hasLeft = plan.fault === 'client';
    const outcomeOf = (client: TrialClient): Promise<Outcome> => client.outcome(expected, OUTCOME_TIMEOUT_MS);
    const [ofLeader, judged] = await Promise.all([
      hasLeft ? undefined : outcomeOf(leader),
      Promise.all(
        staying.map(async (client): Promise<Judged> => ({ client, outcome: await outcomeOf(client), isLate: late.includes(client) })),
      ),
    ]);
    if (ofLeader?.kind === 'wrong') this.#fault(plan, `the leader (${leader.engine}) got ${ofLeader.why}`);
    for (const one of judged) this.#count(plan, one, leader);
    const counts = this.counts[plan.fault];
    const { tally } = this.#origin;
    counts.trials += 1;
    counts.originRequests += tally.requests;
    counts.rests += tally.rests;
    counts.mostAtOnce = Math.max(counts.mostAtOnce, tally.mostAtOnce);
    // One who goes on, and one who begins anew where that was not possible, while what was left of the first has not been closed.
    if (tally.mostAtOnce > 3) this.#fault(plan, `${tally.mostAtOnce} requests were with the origin at once`);
  }

  #count(plan: TrialPlan, judged: Judged, leader: TrialClient): void {
    const { client, outcome, isLate } = judged;
    const counts = this.counts[plan.fault];
    const who = `a ${isLate ? 'late ' : ''}follower (${client.engine})`;
    counts.followers += 1;
    if (isOnDead(plan, client, leader)) counts.onDead += 1;
    if (outcome.kind === 'wrong') this.#fault(plan, `${who} got ${outcome.why}`);
    else counts[outcome.kind] += 1;
    if (outcome.kind === 'whole' && outcome.isCollapsed) counts.collapsed += 1;
    if (!isEntitled(plan, judged, leader)) return;
    counts.entitled += 1;
    if (outcome.kind !== 'whole') this.#fault(plan, `${who} was ${outcome.kind} after ${client.bytes} bytes, for no reason`);
  }

  #fault(plan: TrialPlan, what: string): void {
    const { random: _, ...facts } = plan;
    this.faults.push(`${plan.name}: ${what}; ${JSON.stringify(facts)}; the origin had ${JSON.stringify(this.#origin.tally)}`);
  }

  async #fail(plan: TrialPlan, leader: TrialClient, killer: TrialClient): Promise<void> {
    if (plan.isChanged) this.#origin.version = 1;
    switch (plan.fault) {
      case 'worker':
        this.deaths += 1;
        this.#deathsOfLife += 1;
        killer.ask('/die', false);
        await killer.outcome({ bodies: [], tags: [] }, OUTCOME_TIMEOUT_MS);
        return;
      case 'client':
        leader.leave(plan.random() < 0.5);
        return;
      case 'connection':
        this.#origin.cutAll();
        return;
      case 'origin':
        await this.#origin.leave();
        return;
    }
  }

  /** A leader, its followers on all workers, and one who can end the leader's. */
  async #gather(plan: TrialPlan): Promise<Cast> {
    const [leader, ...others] = await this.#openSome(plan.followers + 1, plan);
    if (leader === undefined) throw new Error('nobody came');
    for (let opened = 0; opened < MAX_OPENED; opened++) {
      const killer = await this.#open(plan);
      if (killer.worker === leader.worker) return { leader, followers: others, killer };
      killer.leave(false);
    }
    throw new Error(`${MAX_OPENED} connections did not come to the leader's worker`);
  }

  #openSome(count: number, plan: TrialPlan): Promise<TrialClient[]> {
    return Promise.all(Array.from({ length: count }, () => this.#open(plan)));
  }

  /** What comes to a worker that is about to end is closed unanswered: then another one is opened. */
  #open({ fault, random }: TrialPlan): Promise<TrialClient> {
    const { addresses = [] } = (fault === 'worker' ? this.#mortal : this.#whole) ?? {};
    const at = Math.floor(random() * addresses.length);
    const engine = at === addresses.length - 1 ? 'node' : 'uws';
    const port = Number(addresses[at]?.port);
    return waitFor('a client opens', () => TrialClient.open(port, engine).catch(() => undefined), OUTCOME_TIMEOUT_MS);
  }

  async #replaceMortal(): Promise<void> {
    await this.#mortal?.stop();
    this.#mortal = await this.#start(['node']);
    this.#deathsOfLife = 0;
  }

  async #start(engines: readonly string[]): Promise<SluiceProcess> {
    const config = `listeners:
${engines.map((engine) => `  - { name: ${engine}, listen: "127.0.0.1:0", engine: ${engine} }\n`).join('')}
upstreams: { o: "http://127.0.0.1:${this.#originPort}" }
routes:
  - { name: who, match: /who, respond: 200, filters: [./who.ts] }
  - { name: die, match: /die, respond: 200, filters: [./die.ts] }
  - { name: site, match: "/c/*", upstream: o, cache: true, collapse: { maxWait: 8s } }
cacheMemory: 64MiB
`;
    return SluiceProcess.start({ config, files: FILTERS, env: { SLUICE_WORKERS: String(WORKERS), SLUICE_LOG: 'warn' } });
  }
}

function isOnDead(plan: TrialPlan, client: TrialClient, leader: TrialClient): boolean {
  return plan.fault === 'worker' && client.worker === leader.worker;
}

/** Whether nothing stands in the way of a whole answer. Of those who come when something has gone wrong already that is not said. */
function isEntitled(plan: TrialPlan, { client, isLate }: Judged, leader: TrialClient): boolean {
  if (isLate || plan.fault === 'origin') return false;
  if (plan.fault === 'client') return true;
  if (isOnDead(plan, client, leader)) return false;
  if (plan.stopAt === 'before-head') return true;
  return plan.validator === 'strong' && plan.ranges === 'good' && !plan.isChanged;
}

function noCounts(): FaultCounts {
  return {
    trials: 0,
    followers: 0,
    onDead: 0,
    whole: 0,
    collapsed: 0,
    cut: 0,
    refused: 0,
    entitled: 0,
    originRequests: 0,
    rests: 0,
    mostAtOnce: 0,
  };
}
