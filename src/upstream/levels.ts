import { mix32 } from '../base/hash32.ts';
import { FULL_WEIGHT } from './endpoint-memory.ts';

/**
 * Which endpoints of an upstream take which part of its load, as far as priorities, zones and their state have a say. Pure: made anew whenever
 * a state has changed, read by every pick.
 *
 * A level is what stands behind nothing else: the endpoints of one priority, or of one priority in the own zone, with those in other zones as
 * a level behind it. Load goes down the levels by Envoy's rules. A level takes load by its health, which is the part of its weight that may be
 * asked, times `overprovisioning`: at 1.4 a level keeps all load until less than 72 % of it is left. What it cannot take spills over to the
 * next one. Where all levels together cannot take the load, each has its part in proportion, and one that is below the panic threshold uses
 * all of its endpoints, since those that are left would go down under the load of all. Health is measured by configured weight: a level that
 * has lost its heavy endpoint has lost more than one that has lost a light one.
 */

/** Of one endpoint, as levels see it. Those that are about to go (`LEAVING`) are not among them. */
export type EndpointStanding = {
  /** The caller's own. */
  readonly index: number;
  readonly priority: number;
  readonly zone: string;
  /** As configured: 1 and above. */
  readonly weight: number;
  /** What of its weight it has at the moment, in thousandths: less in a slow start. */
  readonly share: number;
  readonly isUsable: boolean;
};

export type LevelSettings = {
  /** Part of a level's weight, 0 to 1, below which it panics. 0 = never: then nobody is asked where nobody is well. */
  readonly panicThreshold: number;
  readonly overprovisioning: number;
  /** This host's; `''` = zones do not count. */
  readonly zone: string;
};

export type Level = {
  readonly priority: number;
  /** In the own zone, or zones do not count. */
  readonly isNear: boolean;
  /** Of the upstream's load; all together 1. Levels without load are there too: who may not ask the same endpoint twice can go on with them. */
  readonly load: number;
  /** All of its endpoints are used, whatever their state. */
  readonly isPanicking: boolean;
  /** Of its endpoints that are used; at least one. */
  readonly indices: readonly number[];
  /** Of each in thousandths of configured weight; at least 1. */
  readonly weights: readonly number[];
  /** The same of its heaviest endpoint with nothing taken off, whether it is used or not: a measure that does not move with their states. */
  readonly fullWeight: number;
};

/** In the order in which they are asked. Empty: nobody may be asked. */
export type Levels = readonly Level[];

export const OVERPROVISIONING = 1.4;

/** Thousandths. A slow start moves the share many times a second, and each other share is another table to be made where balancers hash. */
const SHARE_STEP = 50;

export function levelsOf(endpoints: readonly EndpointStanding[], settings: LevelSettings): Levels {
  const groups = groupsOf(endpoints, settings.zone);
  const healths = groups.map((group) => Math.min(1, usablePart(group) * settings.overprovisioning));
  const total = healths.reduce((sum, health) => sum + health, 0);
  // Sums of parts of whole numbers: what is 1 on paper may be a last bit less.
  if (total < 1e-9) return inTotalPanic(groups, settings);
  const isEnough = total > 1 - 1e-9;
  let left = 1;
  const levels: Level[] = [];
  for (const [at, group] of groups.entries()) {
    const isPanicking = !isEnough && usablePart(group) < settings.panicThreshold;
    const health = healths[at] ?? 0;
    const load = isEnough ? Math.min(left, health) : health / total;
    left -= load;
    if (isPanicking || health > 0) levels.push(levelOf(group, load < 1e-9 ? 0 : load, isPanicking));
  }
  return levels;
}

/** The level that a point from 0 to 1 (1 excluded) falls on: index in `levels`, which has at least one. */
export function levelAt(levels: Levels, point: number): number {
  let left = point;
  let last = 0;
  for (let at = 0; at < levels.length; at++) {
    const load = levels[at]?.load ?? 0;
    if (load === 0) continue;
    if (left < load) return at;
    left -= load;
    last = at;
  }
  return last;
}

/** The point of a key, so that a key keeps its level as long as the levels are the same. Mixed: places of balancers go by the key itself. */
export function pointOfKey(key: number): number {
  return mix32(key ^ 0x5bd1e995) / 2 ** 32;
}

/** The same endpoints with the same weights: what a balancer knows of one is good for the other. */
export function isSameChoice(a: Level, b: Level): boolean {
  return isSameList(a.indices, b.indices) && isSameList(a.weights, b.weights) && a.fullWeight === b.fullWeight;
}

type Group = { readonly priority: number; readonly isNear: boolean; readonly members: EndpointStanding[]; weight: number };

/** Envoy's: with nobody well anywhere, each group has its part by size, or nobody is asked where no panic is wanted. */
function inTotalPanic(groups: readonly Group[], { panicThreshold }: LevelSettings): Levels {
  if (panicThreshold === 0) return [];
  const weight = groups.reduce((sum, group) => sum + group.weight, 0);
  return groups.map((group) => levelOf(group, group.weight / weight, true));
}

function groupsOf(endpoints: readonly EndpointStanding[], zone: string): readonly Group[] {
  const groups = new Map<number, Group>();
  for (const endpoint of endpoints) {
    const isNear = zone === '' || endpoint.zone === zone;
    const rank = endpoint.priority * 2 + (isNear ? 0 : 1);
    const group = groups.get(rank) ?? { priority: endpoint.priority, isNear, members: [], weight: 0 };
    group.members.push(endpoint);
    group.weight += endpoint.weight;
    groups.set(rank, group);
  }
  return [...groups].sort(([a], [b]) => a - b).map(([, group]) => group);
}

function isAsked({ isUsable, share }: EndpointStanding): boolean {
  return isUsable && share > 0;
}

function usablePart(group: Group): number {
  return group.members.reduce((sum, endpoint) => sum + (isAsked(endpoint) ? endpoint.weight : 0), 0) / group.weight;
}

/** In panic a slow start is over: whoever is there is needed. */
function levelOf({ priority, isNear, members }: Group, load: number, isPanicking: boolean): Level {
  const used = isPanicking ? members : members.filter(isAsked);
  return Object.freeze({
    priority,
    isNear,
    load,
    isPanicking,
    indices: used.map(({ index }) => index),
    weights: used.map(({ weight, share }) => weight * (isPanicking ? FULL_WEIGHT : steppedShare(share))),
    fullWeight: members.reduce((most, { weight }) => Math.max(most, weight * FULL_WEIGHT), 0),
  });
}

/** Upwards, so that the smallest share is one. */
function steppedShare(share: number): number {
  return Math.ceil(share / SHARE_STEP) * SHARE_STEP;
}

function isSameList(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, at) => value === b[at]);
}
