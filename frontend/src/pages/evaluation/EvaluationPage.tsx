import { Alert, Button, Stack, Text } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { isApiError } from "@/api/errors";
import { evaluationPdf, evaluationQuery } from "@/api/evaluations";
import type { Evaluation } from "@/api/types";
import { languageNow } from "@/i18n";
import { useFormat } from "@/lib/useFormat";
import { useKnown } from "@/lib/useKnown";
import { useOrg } from "@/lib/useOrg";
import { EmptyState } from "@/ui/EmptyState";
import { ErrorBox } from "@/ui/ErrorBox";
import { LinkAnchor, LinkButton } from "@/ui/links";
import { PageHeader } from "@/ui/PageHeader";
import { Panel } from "@/ui/Panel";
import { QueryView } from "@/ui/QueryView";
import { Stats } from "@/ui/Stat";
import { Charts } from "./Charts";
import { Confusion } from "./Confusion";
import { Averages, Baselines, Labels, Slices } from "./Tables";

const COLORS = { better: "teal", not_separable: "yellow", worse: "red" } as const;
const POINTS = 100;
const P_DIGITS = 2;

/** The one sentence somebody who trains a first model needs. */
const Verdict = ({ report }: { report: Evaluation }) => {
  const { t } = useTranslation("evaluation");
  const format = useFormat();
  const known = useKnown("evaluation");
  const found = report.comparison;
  if (!found) return null;
  return (
    <Alert color={COLORS[found.verdict]} variant="light" data-testid="verdict">
      <Text fw={600}>{t(`verdict.${found.verdict}`)}</Text>
      {t(`verdict.${found.verdict}_text`, {
        name: known("baselines", found.baseline) ?? found.baseline,
        points: format.number((Math.abs(found.difference) * POINTS).toFixed(1)),
        p: found.p_value.toPrecision(P_DIGITS),
      })}
    </Alert>
  );
};

const Figures = ({ report }: { report: Evaluation }) => {
  const { t } = useTranslation("evaluation");
  const format = useFormat();
  const range = (figure: Evaluation["accuracy"]) =>
    t("range", { low: format.percent(figure.low), high: format.percent(figure.high) });
  return (
    <Panel title={t("figures")}>
      <Stats
        items={[
          {
            label: t("accuracy"),
            value: format.percent(report.accuracy.value),
            hint: range(report.accuracy),
          },
          {
            label: t("macroF1"),
            value: format.percent(report.macro_f1.value),
            hint: range(report.macro_f1),
          },
          {
            label: t("ece"),
            value: format.percent(report.calibration.ece),
            hint: t("eceHint"),
          },
          {
            label: t("errors"),
            value: format.number(report.errors),
            hint: t("errorsHint", { rows: format.number(report.rows) }),
          },
        ]}
      />
    </Panel>
  );
};

const Speed = ({ report }: { report: Evaluation }) => {
  const { t } = useTranslation("evaluation");
  const format = useFormat();
  const { speed, price_per_1000: price } = report;
  return (
    <Panel title={t("speed.title")}>
      <Stats
        items={[
          {
            label: t("speed.one"),
            value: format.milliseconds(speed.p50_ms),
            hint: t("speed.p95", { ms: format.milliseconds(speed.p95_ms) }),
          },
          {
            label: t("speed.batch"),
            value: format.number(Math.round(speed.rows_per_second)),
            hint: t("speed.where", { device: speed.device, threads: speed.threads }),
          },
          {
            label: t("speed.price"),
            value: price ? format.estimate(price.amount, price.currency) : "–",
          },
        ]}
      />
    </Panel>
  );
};

const Download = ({ model }: { model: string }) => {
  const { t } = useTranslation("evaluation");
  const org = useOrg();
  const pdf = useMutation({
    mutationFn: () => evaluationPdf(org, model, languageNow()),
    onSuccess: (blob) => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = "evaluation.pdf";
      link.click();
      URL.revokeObjectURL(link.href);
    },
  });
  return (
    <Stack gap="xs">
      <Button variant="default" loading={pdf.isPending} onClick={() => pdf.mutate()}>
        {t("download")}
      </Button>
      {pdf.isError ? <ErrorBox error={pdf.error} /> : null}
    </Stack>
  );
};

const Missing = () => {
  const { t } = useTranslation("evaluation");
  const org = useOrg();
  return (
    <EmptyState
      title={t("missing.title")}
      text={t("missing.text")}
      action={
        <LinkButton to="/o/$org/training/new" params={{ org: org.slug }}>
          {t("missing.action")}
        </LinkButton>
      }
    />
  );
};

export const EvaluationPage = () => {
  const { t } = useTranslation("evaluation");
  const format = useFormat();
  const org = useOrg();
  const { modelId = "" } = useParams({ strict: false });
  const found = useQuery(evaluationQuery(org, modelId));
  const missing = isApiError(found.error) && found.error.code === "evaluation_missing";
  return (
    <>
      <PageHeader
        title={t("title")}
        action={found.data ? <Download model={modelId} /> : null}
        above={
          <LinkAnchor to="/o/$org/models/$modelId" params={{ org: org.slug, modelId }} size="sm">
            {modelId}
          </LinkAnchor>
        }
      />
      {missing ? (
        <Missing />
      ) : (
        <QueryView query={found}>
          {(report) => (
            <Stack gap="lg">
              <Text c="dimmed">
                {t(report.chosen_on ? "lead.validation" : "lead.test", {
                  rows: format.number(report.rows),
                })}
              </Text>
              <Verdict report={report} />
              <Figures report={report} />
              <Panel title={t("baselines.title")}>
                <Baselines report={report} />
              </Panel>
              <Confusion report={report} />
              <Panel title={t("classes.title")}>
                <Labels report={report} />
              </Panel>
              <Panel title={t("averages.title")}>
                <Averages report={report} />
              </Panel>
              <Charts report={report} />
              <Panel title={t("slices.title")}>
                <Slices report={report} />
              </Panel>
              <Speed report={report} />
            </Stack>
          )}
        </QueryView>
      )}
    </>
  );
};
