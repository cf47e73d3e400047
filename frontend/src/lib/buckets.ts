/** Sums over the buckets of `GET /v1/usage`. */

import type { UsageBucket, UsageResult } from "@/api/types";
import type { Group } from "@/lib/periods";

/** Meters that occur, by their codes. */
export const metersOf = (buckets: readonly UsageBucket[]): string[] =>
  [...new Set(buckets.flatMap((bucket) => bucket.results.map((result) => result.meter)))].sort();

const ofMeter = (bucket: UsageBucket, meter: string): UsageResult[] =>
  bucket.results.filter((result) => result.meter === meter);

const sum = (results: readonly UsageResult[]): number =>
  results.reduce((all, result) => all + result.units, 0);

export const totalOf = (buckets: readonly UsageBucket[], meter: string): number =>
  sum(buckets.flatMap((bucket) => ofMeter(bucket, meter)));

/** What a result is counted under; empty for usage without such a thing. */
export const memberOf = (result: UsageResult, group: Group): string => result[group] ?? "";

export type Share = { member: string; units: number };

/** The members of a group with their sums, the biggest first. */
export const sharesOf = (buckets: readonly UsageBucket[], meter: string, group: Group): Share[] => {
  const sums = new Map<string, number>();
  for (const result of buckets.flatMap((bucket) => ofMeter(bucket, meter))) {
    const member = memberOf(result, group);
    sums.set(member, (sums.get(member) ?? 0) + result.units);
  }
  return [...sums]
    .map(([member, units]) => ({ member, units }))
    .sort((a, b) => b.units - a.units || a.member.localeCompare(b.member));
};

/** So many members have a colour of their own; the others share the last one. */
export const COLOURS = 5;

export type Tones = ReadonlyMap<string, number>;

/** The colour of each member, 1 to COLOURS: the same one in the charts of all meters. */
export const tonesOf = (buckets: readonly UsageBucket[], group: Group): Tones => {
  const members = new Set(
    metersOf(buckets).flatMap((meter) =>
      sharesOf(buckets, meter, group).map((share) => share.member),
    ),
  );
  return new Map([...members].map((member, place) => [member, Math.min(place + 1, COLOURS)]));
};

/** A day's sum and its parts by tone, first tone first. */
export type Day = { start: number; units: number; parts: number[] };

export const daily = (
  buckets: readonly UsageBucket[],
  meter: string,
  group: Group,
  tones: Tones,
): Day[] =>
  buckets.map((bucket) => {
    const results = ofMeter(bucket, meter);
    const parts = Array.from({ length: COLOURS }, () => 0);
    for (const result of results) {
      const place = (tones.get(memberOf(result, group)) ?? COLOURS) - 1;
      parts[place] = (parts[place] ?? 0) + result.units;
    }
    return { start: bucket.start_time, units: sum(results), parts };
  });

/** One line a day, meter and member, newest day first: what the table and the export hold. */
export type Line = { start: number; meter: string; member: string; units: number };

export const linesOf = (buckets: readonly UsageBucket[], group: Group): Line[] =>
  buckets
    .flatMap((bucket) =>
      bucket.results.map((result) => ({
        start: bucket.start_time,
        meter: result.meter,
        member: memberOf(result, group),
        units: result.units,
      })),
    )
    .sort((a, b) => b.start - a.start || a.meter.localeCompare(b.meter) || b.units - a.units);
