/** How far a job is, from what the server says or else from its steps. */
import { jobEnded } from "@/api/training";
import type { Job } from "@/api/types";

const number = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isFinite(value) ? value : undefined;

/** 0 to 1. */
export const progressOf = (job: Job, metrics: readonly Record<string, unknown>[]): number => {
  if (job.status === "succeeded") return 1;
  const last = metrics.at(-1);
  const step = number(last?.step);
  const total = number(last?.total_steps) ?? number(last?.steps);
  const measured = step !== undefined && total ? step / total : undefined;
  const told = number(job.progress);
  const best = Math.max(told ?? 0, measured ?? 0);
  return jobEnded(job.status) ? best : Math.min(best, 0.99);
};
