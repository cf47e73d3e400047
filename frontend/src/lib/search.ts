/** What the trials of a search add up to. */
import type { Trial } from "@/api/types";
import type { Columns } from "./metrics";

/** The loss of each trial in order, and the lowest so far among those tried to the end. */
export const bestSoFar = (tried: readonly Pick<Trial, "loss" | "state" | "stage">[]): Columns => {
  const bests: (number | null)[] = [];
  let best: number | null = null;
  let stage = "";
  for (const trial of tried) {
    // full runs are compared with each other: their losses are other models'
    if (trial.stage !== stage) best = null;
    stage = trial.stage;
    if (trial.loss !== null && trial.state === "complete")
      best = Math.min(best ?? trial.loss, trial.loss);
    bests.push(best);
  }
  return [tried.map((_, place) => place + 1), tried.map(({ loss }) => loss), bests];
};
