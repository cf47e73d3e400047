/** The figures of any task: which there are, in which order they are shown, and which are shares. */
import type { Metrics } from "@/api/types";
import { testFigures } from "./report";

const SHARES: readonly string[] = [
  "accuracy",
  "micro_f1",
  "f1",
  "macro_f1",
  "subset_accuracy",
  "precision",
  "recall",
];
const SHOWN: readonly string[] = [
  "accuracy",
  "micro_f1",
  "f1",
  "r2",
  "macro_f1",
  "subset_accuracy",
  "precision",
  "recall",
  "spearman",
  "mae",
  "rmse",
];
const MOST = 4;
const LOSS_DIGITS = 4;

/** A loss as every page writes it; a dash where there is none. */
export const lossText = (loss: number | null | undefined): string =>
  loss?.toFixed(LOSS_DIGITS) ?? "–";

export const isShare = (name: string): boolean => SHARES.includes(name);

/** Names in the order figures are shown in; the database keeps none. Unknown ones go last. */
export const inOrder = (names: readonly string[]): string[] => [
  ...SHOWN.filter((name) => names.includes(name)),
  ...names.filter((name) => !SHOWN.includes(name)),
];

export type Figure = { name: string; value: number };

/** What a model is judged by, the figure its task looks at first. */
export const headlineOf = (metrics: Metrics | null | undefined): Figure[] => {
  const figures = testFigures(metrics);
  return SHOWN.flatMap((name) => {
    const value = figures[name];
    return typeof value === "number" && Number.isFinite(value) ? [{ name, value }] : [];
  }).slice(0, MOST);
};
