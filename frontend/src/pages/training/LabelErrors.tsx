import { Alert, Button, Group, Text } from "@mantine/core";
import { keepPreviousData, useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { labelErrorsCsv, labelErrorsQuery } from "@/api/training";
import type { LabelError } from "@/api/types";
import { blobSave } from "@/lib/csv";
import { useFormat } from "@/lib/useFormat";
import { useOrg } from "@/lib/useOrg";
import { type Column, DataTable } from "@/ui/DataTable";
import { ErrorBox } from "@/ui/ErrorBox";
import { Panel } from "@/ui/Panel";
import { QueryView } from "@/ui/QueryView";
import { RowText } from "@/ui/RowText";

const useColumns = (): Column<LabelError>[] => {
  const { t } = useTranslation("training");
  const format = useFormat();
  return [
    { key: "row", title: t("study.row"), numeric: true, cell: (row) => format.number(row.row) },
    { key: "text", title: t("study.text"), cell: (row) => <RowText>{row.text ?? "–"}</RowText> },
    { key: "label", title: t("study.given"), cell: (row) => row.label },
    { key: "suggested", title: t("study.suggested"), cell: (row) => row.suggested },
    {
      key: "quality",
      title: t("study.quality"),
      numeric: true,
      wide: true,
      cell: (row) => format.percent(row.quality),
    },
  ];
};

const Download = ({ job }: { job: string }) => {
  const { t } = useTranslation("training");
  const org = useOrg();
  const csv = useMutation({
    mutationFn: () => labelErrorsCsv(org, job),
    onSuccess: (blob) => blobSave("label_errors.csv", blob),
  });
  return (
    <>
      <Button variant="default" loading={csv.isPending} onClick={() => csv.mutate()}>
        {t("study.download")}
      </Button>
      {csv.isError ? <ErrorBox error={csv.error} /> : null}
    </>
  );
};

/** Rows worth a second look: the folds' models were sure of another label. */
export const LabelErrors = ({ job }: { job: string }) => {
  const { t } = useTranslation("training");
  const org = useOrg();
  const columns = useColumns();
  const [skip, setSkip] = useState(0);
  const rows = useQuery({
    ...labelErrorsQuery(org, job, skip),
    placeholderData: keepPreviousData,
  });
  return (
    <Panel title={t("study.errors")}>
      <Text size="sm" c="dimmed" mb="sm">
        {t("study.errorsLead")}
      </Text>
      <QueryView query={rows}>
        {(page) =>
          page.total === 0 ? (
            <Text>{t("study.noErrors")}</Text>
          ) : (
            <>
              {page.dataset_deleted ? (
                <Alert color="straw" variant="light" mb="sm">
                  {t("study.deleted")}
                </Alert>
              ) : null}
              <DataTable
                caption={t("study.errors")}
                columns={columns}
                rows={page.data}
                rowKey={(row) => String(row.row)}
              />
              <Group mt="sm" gap="sm">
                {skip === 0 ? null : (
                  <Button variant="default" onClick={() => setSkip(0)}>
                    {t("study.first")}
                  </Button>
                )}
                {page.has_more ? (
                  <Button
                    variant="default"
                    loading={rows.isPlaceholderData}
                    onClick={() => setSkip(skip + page.data.length)}
                  >
                    {t("study.more")}
                  </Button>
                ) : null}
                <Download job={job} />
              </Group>
            </>
          )
        }
      </QueryView>
    </Panel>
  );
};
