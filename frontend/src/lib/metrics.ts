/** Turns the metric events of a job into the columns of its charts. */
export type Point = {
  step: number;
  epoch?: number | undefined;
  trainLoss?: number | undefined;
  validLoss?: number | undefined;
  /** Or what else the task looks at; `scoreNameOf` says its name. */
  accuracy?: number | undefined;
  tokensPerSecond?: number | undefined;
  learningRate?: number | undefined;
  /** Held by the trainer, in millions of bytes. */
  megabytes?: number | undefined;
};

const MEGA = 1e6;

const number = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isFinite(value) ? value : undefined;

/** One event's payload as a point; undefined when it carries no step. */
export const pointOf = (data: Record<string, unknown>): Point | undefined => {
  const step = number(data.step);
  if (step === undefined) return undefined;
  const bytes = number(data.memory_bytes);
  return {
    step,
    epoch: number(data.epoch),
    trainLoss: number(data.train_loss),
    validLoss: number(data.valid_loss),
    accuracy: number(data.valid_accuracy) ?? number(data.valid_score),
    tokensPerSecond: number(data.tokens_per_second),
    learningRate: number(data.learning_rate),
    megabytes: bytes === undefined ? undefined : bytes / MEGA,
  };
};

/** The figure that the job's task looks at. */
export const scoreNameOf = (metrics: readonly Record<string, unknown>[]): string => {
  const name = metrics.find((data) => typeof data.score_name === "string")?.score_name;
  return typeof name === "string" ? name : "accuracy";
};

/** Points in step order, the later value of a step winning (a resumed job repeats steps). */
export const merged = (points: readonly Point[]): Point[] => {
  const bySteps = new Map<number, Point>();
  for (const point of points) {
    const known = bySteps.get(point.step);
    const given = Object.entries(point).filter(([, value]) => value !== undefined);
    bySteps.set(point.step, { ...known, ...Object.fromEntries(given), step: point.step });
  }
  return [...bySteps.values()].sort((a, b) => a.step - b.step);
};

export type Columns = [number[], ...(number | null)[][]];

/** uPlot's layout: one array of x, then one array per series with null where nothing was measured. */
export const columnsOf = (points: readonly Point[], series: readonly (keyof Point)[]): Columns => [
  points.map((point) => point.step),
  ...series.map((name) => points.map((point) => point[name] ?? null)),
];
