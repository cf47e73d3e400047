import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { DatasetRow } from "@/api/types";
import type { Span } from "@/lib/spans";

const isSpan = (value: unknown): value is Span =>
  typeof value === "object" && value !== null && "start" in value && "label" in value;

/** The spans of a row of texts with entities; undefined for other tasks. */
export const spansOf = (row: DatasetRow): Span[] | undefined => {
  const target: unknown = row.target;
  return Array.isArray(target) && target.length > 0 && target.every(isSpan) ? target : undefined;
};

/** What a model should answer: a label, labels, a number, or the labels of the marked spans. */
export const Target = ({ row }: { row: DatasetRow }) => {
  const { t } = useTranslation("datasets");
  const target: unknown = row.target;
  if (!Array.isArray(target)) return row.label;
  const names = target.map((one: unknown) => (isSpan(one) ? one.label : String(one)));
  return names.length > 0 ? (
    [...new Set(names)].join(", ")
  ) : (
    <Text span c="dimmed">
      {t("noLabel")}
    </Text>
  );
};
