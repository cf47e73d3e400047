/** How far a job is, 0 to 1; never quite 1 before it has ended well. */
import type { Job } from "@/api/types";

const ALMOST = 0.99;

export const progressOf = (job: Job): number => {
  if (job.status === "succeeded") return 1;
  const { step, total } = job.progress;
  return total ? Math.min(step / total, ALMOST) : 0;
};
