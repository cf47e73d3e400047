import { SegmentedControl, Stack } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Evaluation } from "@/api/types";
import { CellRows } from "./CellRows";

type Order = "worst" | "best";

/** Rows from either end: what the model got most wrong, and what it was surest of and right. */
export const Samples = ({ report }: { report: Evaluation }) => {
  const { t } = useTranslation("evaluation");
  const [order, setOrder] = useState<Order>("worst");
  const numbers = report.numbers !== null;
  const names = { worst: t("samples.worst"), best: t("samples.best") };
  const titles = numbers
    ? { worst: t("rows.farthest"), best: t("rows.nearest") }
    : { worst: t("rows.worst"), best: t("rows.best") };
  return (
    <Stack gap="sm">
      <SegmentedControl
        aria-label={t("samples.title")}
        data={[
          { value: "worst", label: names.worst },
          { value: "best", label: names.best },
        ]}
        value={order}
        onChange={(value) => setOrder(value as Order)}
        style={{ alignSelf: "start" }}
      />
      <CellRows
        key={order}
        model={report.model}
        cell={{ order }}
        title={titles[order]}
        scored={!numbers}
      />
    </Stack>
  );
};
