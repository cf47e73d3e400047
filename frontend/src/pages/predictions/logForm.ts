/** The settings of a prediction log as the form holds them. */
import type { PredictionLog, PredictionLogDraft } from "@/api/types";

export const KINDS = ["email", "phone", "card", "number"] as const;
export type Kind = (typeof KINDS)[number];

export type LogValues = {
  enabled: boolean;
  percent: number | string;
  days: number | string;
  texts: boolean;
  redact: string[];
  words: string;
};

export const valuesOf = (log: PredictionLog): LogValues => ({
  enabled: log.enabled,
  percent: log.percent,
  days: log.days,
  texts: log.texts,
  redact: log.redact,
  words: log.words.join("\n"),
});

const wordsOf = (text: string): string[] =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);

export const draftOf = (values: LogValues): PredictionLogDraft => ({
  enabled: values.enabled,
  percent: Number(values.percent),
  days: Number(values.days),
  texts: values.texts,
  redact: KINDS.filter((kind) => values.redact.includes(kind)),
  words: wordsOf(values.words),
});
