/** The output of a deployment as people write it: one `name = name shown` a line. */
import type { Output } from "@/api/types";

export type OutputValues = {
  labels: string;
  fields: string;
  threshold: number | string;
  abstain: string;
  topK: number | string;
};

const MARK = "=";

export const linesOf = (names: Readonly<Record<string, string>> | undefined): string =>
  Object.entries(names ?? {})
    .map(([name, shown]) => `${name} ${MARK} ${shown}`)
    .join("\n");

/** The names that the lines give; undefined where a line has another form. */
export const namesOf = (text: string): Record<string, string> | undefined => {
  const names: Record<string, string> = {};
  for (const line of text.split("\n")) {
    if (!line.trim()) continue;
    const at = line.indexOf(MARK);
    const name = line.slice(0, at).trim();
    const shown = line.slice(at + 1).trim();
    if (at < 0 || !name || !shown) return undefined;
    names[name] = shown;
  }
  return names;
};

export const valuesOf = (output: Output): OutputValues => ({
  labels: linesOf(output.labels),
  fields: linesOf(output.fields),
  threshold: output.threshold ?? "",
  abstain: output.abstain_label ?? "",
  topK: output.top_k ?? "",
});

const numberOf = (value: number | string): number | null => (value === "" ? null : Number(value));

export const outputOf = (values: OutputValues): Output => ({
  labels: namesOf(values.labels) ?? {},
  fields: namesOf(values.fields) ?? {},
  threshold: numberOf(values.threshold),
  abstain_label: values.abstain.trim() || null,
  top_k: numberOf(values.topK),
});
