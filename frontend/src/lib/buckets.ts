/** Sums over the buckets of `GET /v1/usage`. */
import type { UsageBucket } from "@/api/types";

const units = (value: number | string): number => Number(value) || 0;

/** Meters that occur, the busiest first by name order. */
export const metersOf = (buckets: readonly UsageBucket[]): string[] =>
  [...new Set(buckets.flatMap((bucket) => bucket.results.map((result) => result.meter)))].sort();

const ofMeter = (bucket: UsageBucket, meter: string) =>
  bucket.results.filter((result) => result.meter === meter);

export const totalOf = (buckets: readonly UsageBucket[], meter: string): number =>
  buckets
    .flatMap((bucket) => ofMeter(bucket, meter))
    .reduce((sum, result) => sum + units(result.units), 0);

export type Day = { start: number; units: number };

export const daily = (buckets: readonly UsageBucket[], meter: string): Day[] =>
  buckets.map((bucket) => ({
    start: bucket.start_time,
    units: ofMeter(bucket, meter).reduce((sum, result) => sum + units(result.units), 0),
  }));

export const byModel = (
  buckets: readonly UsageBucket[],
  meter: string,
): { model: string; units: number }[] => {
  const sums = new Map<string, number>();
  for (const result of buckets.flatMap((bucket) => ofMeter(bucket, meter))) {
    const model = result.model ?? "";
    sums.set(model, (sums.get(model) ?? 0) + units(result.units));
  }
  return [...sums].map(([model, sum]) => ({ model, units: sum })).sort((a, b) => b.units - a.units);
};
