/** What a warning speaks of, as it is put into its text. */
import type { JobWarning } from "@/api/types";
import { formatNumber } from "@/lib/format";

/** A few of the labels are named; three dots stand for the others. */
const named = (labels: readonly unknown[], all: unknown, language: string): string => {
  const more = typeof all === "number" && all > labels.length;
  const quoted = labels.map((label) => `“${label}”`);
  return new Intl.ListFormat(language).format(more ? [...quoted, "…"] : quoted);
};

export const warningValues = (
  { data }: Pick<JobWarning, "data">,
  language: string,
): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(data).map(([name, value]) => {
      if (typeof value === "number") return [name, formatNumber(value, language)];
      return [name, Array.isArray(value) ? named(value, data.new, language) : value];
    }),
  );
