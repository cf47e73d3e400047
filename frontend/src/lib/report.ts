/** Reads the figures of an evaluation, whichever of the usual names they carry. */
import type { Metrics } from "@/api/types";

const number = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isFinite(value) ? value : undefined;

const record = (value: unknown): Record<string, unknown> | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;

/** The figures of the frozen test split when they are nested, else the figures themselves. */
export const testFigures = (metrics: Metrics | null | undefined): Record<string, unknown> => {
  const all = record(metrics) ?? {};
  return record(all.test) ?? all;
};

const named = (figures: Record<string, unknown>, names: readonly string[]): number | undefined =>
  names.map((name) => number(figures[name])).find((value) => value !== undefined);

export const lossOf = (metrics: Metrics | null | undefined): number | undefined =>
  named(testFigures(metrics), ["loss", "test_loss"]);

export type Matrix = { labels: string[]; counts: number[][] };

/** True labels as rows, predicted ones as columns. */
export const confusionOf = (
  metrics: Metrics | null | undefined,
  labels: readonly string[],
): Matrix | undefined => {
  const figures = testFigures(metrics);
  const value = figures.confusion ?? figures.confusion_matrix;
  if (!Array.isArray(value) || !value.every(Array.isArray)) return undefined;
  const counts = value as number[][];
  return counts.length === labels.length ? { labels: [...labels], counts } : undefined;
};

export type ClassLine = {
  label: string;
  precision: number;
  recall: number;
  f1: number;
  support: number;
};

const lineOf = (label: string, value: unknown): ClassLine | undefined => {
  const figures = record(value);
  if (!figures) return undefined;
  return {
    label,
    precision: number(figures.precision) ?? 0,
    recall: number(figures.recall) ?? 0,
    f1: number(figures.f1) ?? 0,
    support: number(figures.support) ?? 0,
  };
};

export const perClassOf = (metrics: Metrics | null | undefined): ClassLine[] => {
  const figures = testFigures(metrics);
  const value = figures.per_class ?? figures.classes;
  const pairs: [string, unknown][] = Array.isArray(value)
    ? value.map((one) => [String(record(one)?.label ?? ""), one])
    : Object.entries(record(value) ?? {});
  return pairs.map(([label, one]) => lineOf(label, one)).filter((line) => line !== undefined);
};
