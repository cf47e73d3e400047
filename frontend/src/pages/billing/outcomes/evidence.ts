/** Evidence as lines that people read; what is not known is shown as the server named it. */

/** Told elsewhere, or names that nobody can follow. */
const HIDDEN = new Set(["item", "payment", "credit_note"]);

export type EvidenceLine = { name: string; value: string | number | boolean };

/** In the order in which they add up; the server keeps none. */
const COUNTS = ["predictions", "confirmed", "assumed", "wrong", "wrong_feedback"];
const rankOf = ({ name }: EvidenceLine): number =>
  COUNTS.includes(name) ? COUNTS.indexOf(name) : COUNTS.length;

/** A reason that has a code is said by it, in the reader's language. */
const told = ({ cause, ...facts }: Record<string, unknown>): Record<string, unknown> =>
  cause ? { ...facts, reason: cause } : facts;

/** Nested facts become lines of their own, by the last of their names. */
export const evidenceLines = (evidence: Record<string, unknown>): EvidenceLine[] =>
  Object.entries(told(evidence))
    .flatMap(([name, value]): EvidenceLine[] => {
      if (value === null || value === undefined || HIDDEN.has(name)) return [];
      if (Array.isArray(value))
        return value.length ? [{ name, value: value.map(String).join(", ") }] : [];
      if (typeof value === "object") return evidenceLines(value as Record<string, unknown>);
      return [{ name, value: value as string | number | boolean }];
    })
    .toSorted((one, other) => rankOf(one) - rankOf(other));
