/** A key's limits as a form holds them: an empty field is no limit. */
import type { KeyLimits } from "@/api/keys";

export const LIMITS = ["requests_per_minute", "calls_in_flight"] as const;
export const LIMIT_MOST = 1_000_000;

export type LimitName = (typeof LIMITS)[number];
export type LimitValues = Record<LimitName, number | string>;

const numberOf = (value: number | string): number | null => (value === "" ? null : Number(value));

export const limitsOf = (values: LimitValues): KeyLimits => ({
  requests_per_minute: numberOf(values.requests_per_minute),
  calls_in_flight: numberOf(values.calls_in_flight),
});

/** The form of a key's limits; without any, of a key that has none. */
export const limitValuesOf = (limits?: KeyLimits): LimitValues => ({
  requests_per_minute: limits?.requests_per_minute ?? "",
  calls_in_flight: limits?.calls_in_flight ?? "",
});
