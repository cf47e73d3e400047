/**
 * The output of a deployment as people write it: one `name = name shown` a line. A name that would
 * be read as something else stands in quotes, as in JSON: `"a = b" = c`.
 */
import type { Output } from "@/api/types";

export type OutputValues = {
  labels: string;
  fields: string;
  threshold: number | string;
  abstain: string;
  topK: number | string;
};

const MARK = "=";
const UNSAFE = /^["\s]|[=\n]|\s$/;
const QUOTED = /^\s*("(?:[^"\\]|\\.)*")\s*=(.*)$/;

const nameOf = (name: string): string => (UNSAFE.test(name) ? JSON.stringify(name) : name);

export const linesOf = (names: Readonly<Record<string, string>> | undefined): string =>
  Object.entries(names ?? {})
    .map(([name, shown]) => `${nameOf(name)} ${MARK} ${shown}`)
    .join("\n");

const unquoted = (text: string): string => {
  try {
    return JSON.parse(text) as string;
  } catch {
    return text;
  }
};

/** A line's name and what follows its mark. */
const partsOf = (line: string): [string, string] => {
  const [, quoted, rest] = QUOTED.exec(line) ?? [];
  if (quoted !== undefined && rest !== undefined) return [unquoted(quoted), rest.trim()];
  const at = line.indexOf(MARK);
  return at < 0 ? ["", ""] : [line.slice(0, at).trim(), line.slice(at + 1).trim()];
};

/** The names that the lines give; undefined where a line has another form. */
export const namesOf = (text: string): Record<string, string> | undefined => {
  const names: Record<string, string> = {};
  for (const line of text.split("\n")) {
    if (!line.trim()) continue;
    const [name, shown] = partsOf(line);
    if (!name || !shown) return undefined;
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
