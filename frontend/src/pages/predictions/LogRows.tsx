import { Button, Group, Text } from "@mantine/core";
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type LogFilters, predictionForget, predictionsQuery } from "@/api/predictions";
import type { LoggedPrediction } from "@/api/types";
import type { Span } from "@/lib/spans";
import { useFormat } from "@/lib/useFormat";
import { useCan, useOrg } from "@/lib/useOrg";
import { type Column, DataTable } from "@/ui/DataTable";
import { Entities } from "@/ui/Entities";
import { ErrorBox } from "@/ui/ErrorBox";
import { QueryView } from "@/ui/QueryView";
import { RowText } from "@/ui/RowText";

const spansOf = (row: LoggedPrediction): Span[] | undefined => {
  const { entities } = row.answer;
  return Array.isArray(entities) ? entities.filter((span) => "start" in span) : undefined;
};

const TextCell = ({ row }: { row: LoggedPrediction }) => {
  const { t } = useTranslation("predictions");
  if (row.text === null) return <Text c="dimmed">{t("noText")}</Text>;
  const spans = spansOf(row);
  return (
    <>
      {spans ? <Entities text={row.text} spans={spans} /> : <RowText>{row.text}</RowText>}
      {row.text_cut ? (
        <Text size="sm" c="dimmed">
          {t("cut")}
        </Text>
      ) : null}
    </>
  );
};

const AnswerCell = ({ row }: { row: LoggedPrediction }) => {
  const { t } = useTranslation("predictions");
  const format = useFormat();
  const { value } = row.answer;
  if (typeof value === "number") return <>{format.number(value)}</>;
  return <>{row.labels.join(", ") || t("noLabel")}</>;
};

type Props = { deployment: string; filters: LogFilters };

const useForget = (deployment: string) => {
  const org = useOrg();
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => predictionForget(org, id),
    onSuccess: () => client.invalidateQueries({ queryKey: [org.id, "deployments", deployment] }),
  });
};

type Forget = ReturnType<typeof useForget>;

const useColumns = (forget: Forget): Column<LoggedPrediction>[] => {
  const { t } = useTranslation("predictions");
  const format = useFormat();
  const deploys = useCan("deploy");
  const columns: Column<LoggedPrediction>[] = [
    { key: "text", title: t("columns.text"), cell: (row) => <TextCell row={row} /> },
    { key: "answer", title: t("columns.answer"), cell: (row) => <AnswerCell row={row} /> },
    {
      key: "score",
      title: t("columns.score"),
      numeric: true,
      cell: (row) => (row.score === null ? "–" : format.percent(row.score)),
    },
    { key: "model", title: t("columns.model"), wide: true, cell: (row) => row.model },
    {
      key: "at",
      title: t("columns.at"),
      wide: true,
      cell: (row) => format.dateTime(row.created_at),
    },
  ];
  if (!deploys) return columns;
  return [
    ...columns,
    {
      key: "actions",
      title: t("columns.actions"),
      cell: (row) => (
        <Button
          size="xs"
          variant="default"
          loading={forget.isPending && forget.variables === row.id}
          onClick={() => forget.mutate(row.id)}
        >
          {t("delete")}
        </Button>
      ),
    },
  ];
};

/** The kept rows, a page at a time. */
export const LogRows = ({ deployment, filters }: Props) => {
  const { t } = useTranslation("predictions");
  const [trail, setTrail] = useState<string[]>([]);
  const forget = useForget(deployment);
  const columns = useColumns(forget);
  const rows = useQuery({
    ...predictionsQuery(useOrg(), deployment, filters, trail.at(-1)),
    placeholderData: keepPreviousData,
  });
  return (
    <QueryView query={rows}>
      {({ data, has_more, last_id }) => (
        <>
          <ErrorBox error={forget.error} />
          {data.length === 0 ? (
            <Text>{t("empty")}</Text>
          ) : (
            <DataTable
              caption={t("title")}
              columns={columns}
              rows={data}
              rowKey={(row) => row.id}
            />
          )}
          <Group mt="md" justify="flex-end">
            <Button
              variant="default"
              disabled={trail.length === 0}
              onClick={() => setTrail(trail.slice(0, -1))}
            >
              {t("previous")}
            </Button>
            <Button
              variant="default"
              disabled={!has_more}
              onClick={() => last_id && setTrail([...trail, last_id])}
            >
              {t("next")}
            </Button>
          </Group>
        </>
      )}
    </QueryView>
  );
};
