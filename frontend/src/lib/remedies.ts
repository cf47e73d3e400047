/** Which pages help against a refusal. */
import type { ApiError } from "@/api/errors";

export type Remedy = "topUp" | "plans" | "budgets" | "methods" | "keys";

const BY_CODE: Record<string, readonly Remedy[]> = {
  quota_exhausted: ["topUp", "plans"],
  limit_reached: ["budgets"],
  plan_limit_reached: ["plans"],
  key_rate_limited: ["keys"],
  payment_method_required: ["methods"],
};
/** Too fast for the plan, and not for a door that everybody meets. */
const PLAN_LIMITS = ["requests_per_minute", "calls_in_flight"];

export const remediesOf = ({ code, param }: Pick<ApiError, "code" | "param">): readonly Remedy[] =>
  code === "rate_limited" && PLAN_LIMITS.includes(param ?? "") ? ["plans"] : (BY_CODE[code] ?? []);
