/** Slices of a report by further columns: which are worse, and which column is shown first. */
import type { Evaluation } from "@/api/types";

export type SlicedColumn = NonNullable<Evaluation["column_slices"]>["columns"][number];
export type Part = SlicedColumn["slices"][number];

export const isWorse = (part: Part): boolean => part.verdict === "worse";

/** All parts that are worse than the other rows, the surest first. */
export const worseOf = (
  columns: readonly SlicedColumn[],
): readonly { column: string; slice: Part }[] =>
  columns
    .flatMap(({ column, slices }) => slices.filter(isWorse).map((slice) => ({ column, slice })))
    .sort((one, two) => (one.slice.p_value ?? 1) - (two.slice.p_value ?? 1));

/** An end of a range: small numbers keep their digits, which two decimals would round to 0. */
export const formatEnd = (value: number, language: string): string =>
  new Intl.NumberFormat(
    language,
    Math.abs(value) < 1 ? { maximumSignificantDigits: 3 } : { maximumFractionDigits: 2 },
  ).format(value);

/** The column whose worst part is the surest to be worse; without any, the first. */
export const firstShown = (columns: readonly SlicedColumn[]): SlicedColumn | undefined => {
  const found = worseOf(columns)[0]?.column;
  return columns.find(({ column }) => column === found) ?? columns[0];
};
