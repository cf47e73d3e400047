import { Button, Group } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { deploymentsQuery } from "@/api/deployments";
import type { Deployment } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { useCan, useOrg } from "@/lib/useOrg";
import type { Column } from "@/ui/DataTable";
import { ListPage } from "@/ui/ListPage";
import { LinkAnchor } from "@/ui/links";
import { StatusBadge } from "@/ui/StatusBadge";
import { DeployDialog } from "./DeployDialog";

const PREVIEW = `reviews-prod  →  ft:minilm-l6:…:v2
                 ft:minilm-l6:…:v1`;

type Row = Omit<Deployment, "revisions" | "comparisons" | "compared_since" | "output" | "rules">;

const useColumns = (): Column<Row>[] => {
  const { t } = useTranslation("deployments");
  const format = useFormat();
  const org = useOrg();
  return [
    {
      key: "name",
      title: t("columns.name"),
      cell: (row) => (
        <Group gap="xs">
          <LinkAnchor
            to="/o/$org/deployments/$deploymentId"
            params={{ org: org.slug, deploymentId: row.id }}
            fw={600}
          >
            {row.name}
          </LinkAnchor>
          {row.paused_at === null ? null : <StatusBadge status="paused" label={t("pausedBadge")} />}
        </Group>
      ),
    },
    { key: "model", title: t("columns.model"), cell: (row) => row.model },
    {
      key: "updated",
      title: t("columns.updated"),
      wide: true,
      cell: (row) => format.ago(row.updated_at ?? row.created_at),
    },
  ];
};

/** Stable names for models that change. `?model=` opens the dialog with it. */
export const DeploymentsPage = () => {
  const { t } = useTranslation("deployments");
  const { model } = useSearch({ from: "/o/$org" });
  const deployments = useQuery(deploymentsQuery(useOrg()));
  const columns = useColumns();
  const allowed = useCan("deploy");
  const [opened, dialog] = useDisclosure(model !== undefined);
  const create = allowed ? <Button onClick={dialog.open}>{t("create")}</Button> : t("askAdmin");
  return (
    <>
      <ListPage
        title={t("title")}
        lead={t("lead")}
        query={deployments}
        columns={columns}
        action={create}
        empty={{ title: t("empty.title"), text: t("empty.text"), preview: PREVIEW }}
      />
      <DeployDialog opened={opened && allowed} onClose={dialog.close} model={model} />
    </>
  );
};
