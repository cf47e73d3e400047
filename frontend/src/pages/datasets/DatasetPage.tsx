import { Alert, Group, Loader, Stack, Tabs, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { datasetQuery } from "@/api/datasets";
import type { Dataset } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { useCan, useOrg } from "@/lib/useOrg";
import { LinkButton } from "@/ui/links";
import { PageHeader } from "@/ui/PageHeader";
import { Panel } from "@/ui/Panel";
import { QueryView } from "@/ui/QueryView";
import { Stats } from "@/ui/Stat";
import { DatasetDelete } from "./DatasetDelete";
import { Report } from "./Report";
import { RowsTab } from "./RowsTab";
import { StatsTab } from "./StatsTab";
import { VersionsTab } from "./VersionsTab";

const TrainButton = ({ dataset }: { dataset: Dataset }) => {
  const { t } = useTranslation("datasets");
  const org = useOrg();
  const allowed = useCan("train");
  if (!allowed || dataset.status !== "ready") return null;
  return (
    <LinkButton
      to="/o/$org/training/new"
      params={{ org: org.slug }}
      search={{ dataset: dataset.id }}
    >
      {t("train")}
    </LinkButton>
  );
};

const Facts = ({ dataset }: { dataset: Dataset }) => {
  const { t } = useTranslation("datasets");
  const format = useFormat();
  const { splits } = dataset.latest_version;
  const parts = splits ? [splits.train, splits.validation, splits.test] : [];
  return (
    <Panel>
      <Stats
        items={[
          { label: t("facts.rows"), value: format.number(dataset.rows) },
          { label: t("facts.labels"), value: format.number(Object.keys(dataset.labels).length) },
          { label: t("facts.splits"), value: parts.map(format.number).join(" / ") || "–" },
          { label: t("facts.version"), value: format.number(dataset.latest_version.number) },
        ]}
      />
    </Panel>
  );
};

const Contents = ({ dataset }: { dataset: Dataset }) => {
  const { t } = useTranslation("datasets");
  if (dataset.status === "processing") {
    return (
      <Panel>
        <Group role="status">
          <Loader size="sm" aria-hidden="true" />
          <Text>{t("processing")}</Text>
        </Group>
      </Panel>
    );
  }
  return (
    <Tabs defaultValue={dataset.status === "ready" ? "rows" : "versions"} keepMounted={false}>
      <Tabs.List aria-label={dataset.name}>
        {dataset.status === "ready" ? (
          <>
            <Tabs.Tab value="rows">{t("tabs.rows")}</Tabs.Tab>
            <Tabs.Tab value="stats">{t("tabs.stats")}</Tabs.Tab>
          </>
        ) : null}
        <Tabs.Tab value="versions">{t("tabs.versions")}</Tabs.Tab>
      </Tabs.List>
      <Tabs.Panel value="rows" pt="md">
        <RowsTab datasetId={dataset.id} />
      </Tabs.Panel>
      <Tabs.Panel value="stats" pt="md">
        <StatsTab datasetId={dataset.id} />
      </Tabs.Panel>
      <Tabs.Panel value="versions" pt="md">
        <VersionsTab datasetId={dataset.id} />
      </Tabs.Panel>
    </Tabs>
  );
};

export const DatasetPage = () => {
  const { t } = useTranslation(["datasets", "common"]);
  const { datasetId } = useParams({ strict: false });
  const format = useFormat();
  const dataset = useQuery(datasetQuery(useOrg(), datasetId ?? ""));
  return (
    <QueryView query={dataset}>
      {(data) => (
        <>
          <PageHeader
            title={data.name}
            lead={t("created", { date: format.dateTime(data.created_at) })}
            action={
              <Group>
                <DatasetDelete dataset={data} />
                <TrainButton dataset={data} />
              </Group>
            }
          />
          <Stack gap="lg">
            <Facts dataset={data} />
            {data.status === "failed" ? (
              <Alert color="red" variant="light" role="alert" title={t("common:status.failed")}>
                {t("failed")}
              </Alert>
            ) : null}
            {data.status === "processing" ? null : <Report report={data.validation_report} />}
            <Contents dataset={data} />
          </Stack>
        </>
      )}
    </QueryView>
  );
};
