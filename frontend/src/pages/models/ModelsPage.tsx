import { Badge, Group, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { modelsQuery } from "@/api/models";
import type { Model } from "@/api/types";
import { headlineOf } from "@/lib/figures";
import { useFigure } from "@/lib/useFigure";
import { useFormat } from "@/lib/useFormat";
import { useOrg } from "@/lib/useOrg";
import { type Column, DataTable } from "@/ui/DataTable";
import { EmptyState } from "@/ui/EmptyState";
import { LinkAnchor, LinkButton } from "@/ui/links";
import { PageHeader } from "@/ui/PageHeader";
import { Panel } from "@/ui/Panel";
import { QueryView } from "@/ui/QueryView";
import { BaseCards } from "./BaseCards";
import { ModelImport } from "./ModelImport";

const useColumns = (): Column<Model>[] => {
  const { t } = useTranslation("models");
  const figure = useFigure();
  const format = useFormat();
  const org = useOrg();
  return [
    {
      key: "name",
      title: t("columns.name"),
      cell: (model) => (
        <LinkAnchor
          to="/o/$org/models/$modelId"
          params={{ org: org.slug, modelId: model.id }}
          fw={600}
        >
          {model.id}
        </LinkAnchor>
      ),
    },
    {
      key: "kind",
      title: t("columns.kind"),
      cell: (model) => (
        <Badge variant="default" tt="none" fw={500}>
          {t(`kinds.${model.kind}`)}
        </Badge>
      ),
    },
    {
      key: "stages",
      title: t("stages.title"),
      wide: true,
      cell: (model) => model.stages?.join(", ") || "–",
    },
    { key: "base", title: t("columns.base"), wide: true, cell: (model) => model.base ?? "–" },
    {
      key: "accuracy",
      title: t("columns.accuracy"),
      numeric: true,
      cell: (model) => {
        const [first] = headlineOf(model.metrics);
        if (!first) return "–";
        const text = figure.text(first.name, first.value);
        return first.name === "accuracy" ? text : `${text} · ${figure.name(first.name)}`;
      },
    },
    {
      key: "created",
      title: t("columns.created"),
      wide: true,
      cell: (model) => format.ago(model.created),
    },
  ];
};

/** Own versions first, then the shipped ones; bases below, as cards. */
export const ModelsPage = () => {
  const { t } = useTranslation("models");
  const bases = useTranslation("bases").t;
  const org = useOrg();
  const models = useQuery(modelsQuery(org));
  const columns = useColumns();
  return (
    <>
      <PageHeader
        title={t("title")}
        lead={t("lead")}
        action={
          <Group gap="sm">
            <ModelImport />
            <LinkButton variant="default" to="/o/$org/models/compare" params={{ org: org.slug }}>
              {t("compare")}
            </LinkButton>
          </Group>
        }
      />
      <QueryView query={models}>
        {(data) => {
          const own = data.filter((model) => model.kind === "fine_tuned");
          const shipped = data.filter((model) => model.kind === "shipped");
          return (
            <Stack gap="lg">
              {own.length === 0 ? (
                <EmptyState
                  title={t("empty.title")}
                  text={t("empty.text")}
                  action={
                    <LinkButton to="/o/$org/training/new" params={{ org: org.slug }}>
                      {t("empty.action")}
                    </LinkButton>
                  }
                  preview={`ft:minilm-l6:${org.slug}:reviews:k3x9`}
                />
              ) : null}
              <DataTable
                caption={t("title")}
                columns={columns}
                rows={[...own, ...shipped]}
                rowKey={(model) => model.id}
              />
              <Panel title={t("bases")}>
                <BaseCards models={data.filter((model) => model.kind === "base")} />
                <LinkAnchor to="/o/$org/models/bases" params={{ org: org.slug }}>
                  {bases("open")}
                </LinkAnchor>
              </Panel>
            </Stack>
          );
        }}
      </QueryView>
    </>
  );
};
