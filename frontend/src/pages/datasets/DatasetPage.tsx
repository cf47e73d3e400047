import { Button, Group, Stack, Tabs } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { datasetQuery } from "@/api/datasets";
import type { Dataset } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { useCan, useOrg } from "@/lib/useOrg";
import { PageHeader } from "@/ui/PageHeader";
import { QueryView } from "@/ui/QueryView";
import { Stats } from "@/ui/Stat";
import { Panel } from "@/ui/Panel";
import { DatasetDelete } from "./DatasetDelete";
import { Report } from "./Report";
import { RowsTab } from "./RowsTab";
import { StatsTab } from "./StatsTab";
import { VersionsTab } from "./VersionsTab";

const TrainButton = ({ dataset }: { dataset: Dataset }) => {
  const { t } = useTranslation("datasets");
  const org = useOrg();
  if (!useCan("train") || !dataset.latest_version) return null;
  return (
    <Button
      component={Link}
      to="/o/$org/training/new"
      params={{ org: org.slug } as never}
      search={{ dataset: dataset.id } as never}
    >
      {t("train")}
    </Button>
  );
};

const Facts = ({ dataset }: { dataset: Dataset }) => {
  const { t } = useTranslation("datasets");
  const format = useFormat();
  const version = dataset.latest_version;
  const splits = version?.splits ?? {};
  return (
    <Panel>
      <Stats
        items={[
          { label: t("facts.rows"), value: format.number(version?.rows ?? 0) },
          { label: t("facts.labels"), value: format.number(version?.labels.length ?? 0) },
          {
            label: t("facts.splits"),
            value: ["train", "validation", "test"]
              .map((split) => format.number(splits[split] ?? 0))
              .join(" / "),
          },
          { label: t("facts.version"), value: version ? format.number(version.number) : "–" },
        ]}
      />
    </Panel>
  );
};

export const DatasetPage = () => {
  const { t } = useTranslation("datasets");
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
            <Report report={data.latest_version?.validation_report ?? data.validation_report} />
            <Tabs defaultValue="rows" keepMounted={false}>
              <Tabs.List aria-label={data.name}>
                <Tabs.Tab value="rows">{t("tabs.rows")}</Tabs.Tab>
                <Tabs.Tab value="stats">{t("tabs.stats")}</Tabs.Tab>
                <Tabs.Tab value="versions">{t("tabs.versions")}</Tabs.Tab>
              </Tabs.List>
              <Tabs.Panel value="rows" pt="md">
                <RowsTab datasetId={data.id} />
              </Tabs.Panel>
              <Tabs.Panel value="stats" pt="md">
                <StatsTab datasetId={data.id} />
              </Tabs.Panel>
              <Tabs.Panel value="versions" pt="md">
                <VersionsTab datasetId={data.id} />
              </Tabs.Panel>
            </Tabs>
          </Stack>
        </>
      )}
    </QueryView>
  );
};
