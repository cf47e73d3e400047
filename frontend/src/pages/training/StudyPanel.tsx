import { Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "@/lib/useFormat";
import type { Column } from "@/ui/DataTable";
import { Panel } from "@/ui/Panel";
import { useLossColumn } from "./useLossColumn";

type Judged = { accuracy: number; loss: number | null };

/** How well a fold or a trial did: what every part of a study is judged by. */
export const useJudged = <Row extends Judged>(): { accuracy: Column<Row>; loss: Column<Row> } => {
  const { t } = useTranslation("training");
  const format = useFormat();
  const loss = useLossColumn<Row>();
  return {
    loss,
    accuracy: {
      key: "accuracy",
      title: t("study.accuracy"),
      numeric: true,
      cell: (row) => format.percent(row.accuracy),
    },
  };
};

type Props<Result> = {
  title: string;
  result: Result | null;
  children: (result: Result) => ReactNode;
};

/** A part of a study: what it has found so far, or that it has not begun. */
export const StudyPanel = <Result,>({ title, result, children }: Props<Result>) => {
  const { t } = useTranslation("training");
  return (
    <Panel title={title}>
      {result === null ? (
        <Text c="dimmed" size="sm">
          {t("study.waiting")}
        </Text>
      ) : (
        <Stack gap="md">{children(result)}</Stack>
      )}
    </Panel>
  );
};
