import { Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Panel } from "@/ui/Panel";

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
