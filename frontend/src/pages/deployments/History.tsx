import { Text, Title } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Revision } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { useKnown } from "@/lib/useKnown";
import { type Column, DataTable } from "@/ui/DataTable";

/** The model that answers, and those that run beside it. */
const Pointing = ({ row }: { row: Revision }) => {
  const { t } = useTranslation("deployments");
  const beside = (["canary", "shadow"] as const).filter((side) => row[side]);
  return (
    <>
      {row.model}
      {beside.map((side) => (
        <Text key={side} size="sm" c="dimmed">
          {t("beside", { side: t(`compare.${side}`), ...row[side] })}
        </Text>
      ))}
    </>
  );
};

export const History = ({ revisions }: { revisions: readonly Revision[] }) => {
  const { t } = useTranslation("deployments");
  const known = useKnown("deployments");
  const format = useFormat();
  if (revisions.length === 0) return null;
  const actionName = (action: string): string => known("actions", action) ?? action;
  const columns: Column<Revision>[] = [
    { key: "revision", title: t("revision"), cell: (row) => format.number(row.revision) },
    { key: "action", title: t("columns.action"), cell: (row) => actionName(row.action) },
    { key: "model", title: t("columns.model"), cell: (row) => <Pointing row={row} /> },
    { key: "actor", title: t("columns.actor"), wide: true, cell: (row) => row.actor },
    { key: "when", title: t("columns.when"), cell: (row) => format.dateTime(row.created_at) },
  ];
  return (
    <section>
      <Title order={2} size="h3" mb="sm">
        {t("history")}
      </Title>
      <DataTable
        caption={t("history")}
        columns={columns}
        rows={revisions}
        rowKey={(row) => String(row.revision)}
      />
    </section>
  );
};
