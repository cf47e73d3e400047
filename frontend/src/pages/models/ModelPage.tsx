import { Group, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { modelQuery } from "@/api/models";
import type { Model } from "@/api/types";
import { headlineOf, lossText } from "@/lib/figures";
import { confusionOf, lossOf, perClassOf } from "@/lib/report";
import { classifySnippets } from "@/lib/snippets";
import { useFigure } from "@/lib/useFigure";
import { useFormat } from "@/lib/useFormat";
import { useKnown } from "@/lib/useKnown";
import { useCan, useOrg } from "@/lib/useOrg";
import { CodeTabs } from "@/ui/CodeTabs";
import { CopyField } from "@/ui/CopyField";
import { LinkAnchor, LinkButton } from "@/ui/links";
import { Markdown } from "@/ui/Markdown";
import { PageHeader } from "@/ui/PageHeader";
import { Panel } from "@/ui/Panel";
import { QueryView } from "@/ui/QueryView";
import { Stats } from "@/ui/Stat";
import { BaseCards } from "./BaseCards";
import { ClassTable } from "./ClassTable";
import { ConfusionMatrix } from "./ConfusionMatrix";
import { Exports } from "./Exports";
import { Lineage } from "./Lineage";
import { ModelDelete } from "./ModelDelete";
import { Stages } from "./Stages";

const Actions = ({ model }: { model: Model }) => {
  const { t } = useTranslation("models");
  const org = useOrg();
  const mayDeploy = useCan("deploy");
  const mayTrain = useCan("train");
  return (
    <Group gap="sm">
      {model.kind === "fine_tuned" ? <ModelDelete model={model} /> : null}
      {model.kind === "fine_tuned" ? (
        <LinkButton
          variant="default"
          to="/o/$org/models/$modelId/evaluation"
          params={{ org: org.slug, modelId: model.id }}
        >
          {t("report")}
        </LinkButton>
      ) : null}
      {model.kind === "base" ? null : (
        <LinkButton
          variant="default"
          to="/o/$org/playground"
          params={{ org: org.slug }}
          search={{ model: model.id }}
        >
          {t("try")}
        </LinkButton>
      )}
      {mayTrain && model.kind === "base" ? (
        <LinkButton
          to="/o/$org/training/new"
          params={{ org: org.slug }}
          search={{ model: model.id }}
        >
          {t("train")}
        </LinkButton>
      ) : null}
      {mayDeploy && model.kind === "fine_tuned" ? (
        <LinkButton
          to="/o/$org/deployments"
          params={{ org: org.slug }}
          search={{ model: model.id }}
        >
          {t("deploy")}
        </LinkButton>
      ) : null}
    </Group>
  );
};

const Figures = ({ model }: { model: Model }) => {
  const { t } = useTranslation("models");
  const figure = useFigure();
  const format = useFormat();
  const known = useKnown("training");
  const split = useKnown("datasets");
  const loss = lossOf(model.metrics);
  return (
    <Panel title={t("figures")}>
      <Stats
        items={[
          ...headlineOf(model.metrics).map(({ name, value }) => ({
            label: figure.name(name),
            value: figure.text(name, value),
          })),
          { label: t("loss"), value: lossText(loss) },
          { label: t("columns.base"), value: model.base ?? "–" },
          { label: t("tier"), value: known("tiers", model.tier) ?? model.tier ?? "–" },
          ...(model.precision
            ? [
                {
                  label: t("precision.title"),
                  value: t(`precision.${model.precision}`),
                  hint: model.bf16_gate
                    ? t("precision.gate", {
                        metric: figure.name(model.bf16_gate.metric),
                        half: figure.text(model.bf16_gate.metric, model.bf16_gate.bfloat16),
                        full: figure.text(model.bf16_gate.metric, model.bf16_gate.float32),
                        rows: format.number(model.bf16_gate.rows),
                        split: split("splits", model.bf16_gate.split) ?? model.bf16_gate.split,
                      })
                    : t("precision.unmeasured"),
                },
              ]
            : []),
        ]}
      />
    </Panel>
  );
};

const Report = ({ model }: { model: Model }) => {
  const { t } = useTranslation("models");
  const matrix = confusionOf(model.metrics, model.labels ?? []);
  const classes = perClassOf(model.metrics);
  return (
    <>
      {matrix ? (
        <Panel title={t("confusion.title")}>
          <ConfusionMatrix matrix={matrix} />
        </Panel>
      ) : null}
      {classes.length > 0 ? <ClassTable rows={classes} /> : null}
    </>
  );
};

export const ModelPage = () => {
  const { t } = useTranslation("models");
  const org = useOrg();
  const { modelId = "" } = useParams({ strict: false });
  const model = useQuery(modelQuery(org, modelId));
  return (
    <QueryView query={model}>
      {(data) => (
        <>
          <PageHeader
            title={t(`kinds.${data.kind}`)}
            action={<Actions model={data} />}
            above={
              <LinkAnchor to="/o/$org/models" params={{ org: org.slug }} size="sm">
                {t("title")}
              </LinkAnchor>
            }
          />
          <Stack gap="lg">
            <CopyField value={data.id} label={t("copyName")} />
            {data.metrics ? <Figures model={data} /> : null}
            <Report model={data} />
            {data.kind === "base" ? (
              <BaseCards models={[data]} />
            ) : (
              <Panel title={t("code")}>
                <CodeTabs
                  snippets={classifySnippets({
                    baseUrl: location.origin,
                    model: data.id,
                    input: t("example"),
                  })}
                />
              </Panel>
            )}
            {data.kind === "fine_tuned" ? (
              <>
                <Stages model={data} />
                <Exports model={data} />
                <Lineage model={data} />
              </>
            ) : null}
            {data.card ? (
              <Panel title={t("card")}>
                <Markdown source={data.card} />
              </Panel>
            ) : null}
          </Stack>
        </>
      )}
    </QueryView>
  );
};
