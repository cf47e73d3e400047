import { Alert, Button, Stack, Text } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { isApiError } from "@/api/errors";
import { evaluationPdf, evaluationQuery } from "@/api/evaluations";
import type { Evaluation } from "@/api/types";
import { languageNow } from "@/i18n";
import { isShare } from "@/lib/figures";
import { useFigure } from "@/lib/useFigure";
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
import { ColumnSlices } from "./ColumnSlices";
import { Confusion } from "./Confusion";
import { Samples } from "./Samples";
import { Averages, Baselines, Labels, Slices } from "./Tables";

const COLORS = { better: "teal", not_separable: "straw", worse: "red" } as const;
const POINTS = 100;
const P_DIGITS = 2;

/** The one sentence somebody who trains a first model needs. */
const Verdict = ({ report }: { report: Evaluation }) => {
  const { t } = useTranslation("evaluation");
  const format = useFormat();
  const known = useKnown("evaluation");
  const figure = useFigure();
  const found = report.comparison;
  if (!found) return null;
  const gap = Math.abs(found.difference);
  const points = format.number((gap * POINTS).toFixed(1));
  return (
    <Alert color={COLORS[found.verdict]} variant="light" data-testid="verdict">
      <Text fw={600}>{t(`verdict.${found.verdict}`)}</Text>
      {t(`verdict.${found.verdict}_text`, {
        name: known("baselines", found.baseline) ?? found.baseline,
        figure: figure.name(found.figure),
        gain: isShare(found.figure)
          ? t("verdict.points", { value: points })
          : figure.text(found.figure, gap),
        p: found.p_value.toPrecision(P_DIGITS),
      })}
    </Alert>
  );
};

/** What a success fee goes by, told of every report that has it. */
const Macro = ({ report }: { report: Evaluation }) => {
  const { t } = useTranslation("evaluation");
  const format = useFormat();
  const known = useKnown("evaluation");
  const found = report.macro_f1_comparison;
  if (!found) return null;
  const points = format.number((Math.abs(found.difference) * POINTS).toFixed(1));
  return (
    <Text size="sm" data-testid="macro">
      {t("macro", {
        value: format.percent(found.value),
        gain: `${found.difference < 0 ? "−" : "+"}${points}`,
        name: known("baselines", found.baseline) ?? found.baseline,
        p: found.p_value.toPrecision(P_DIGITS),
      })}
    </Text>
  );
};

const Figures = ({ report }: { report: Evaluation }) => {
  const { t } = useTranslation("evaluation");
  const format = useFormat();
  const figure = useFigure();
  const { calibration, errors } = report;
  return (
    <Panel title={t("figures")}>
      <Stats
        items={[
          ...report.figures.map(({ name, value, low, high }) => ({
            label: figure.name(name),
            value: figure.text(name, value),
            hint: t("range", { low: figure.text(name, low), high: figure.text(name, high) }),
          })),
          ...(calibration
            ? [{ label: t("ece"), value: format.percent(calibration.ece), hint: t("eceHint") }]
            : []),
          ...(typeof errors === "number"
            ? [
                {
                  label: t("errors"),
                  value: format.number(errors),
                  hint: t("errorsHint", { rows: format.number(report.rows) }),
                },
              ]
            : []),
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
            hint: t(speed.precision ? "speed.whereIn" : "speed.where", { ...speed }),
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

/** All parts that make sense for the report's task. */
const Parts = ({ report }: { report: Evaluation }) => {
  const { t } = useTranslation("evaluation");
  const format = useFormat();
  return (
    <Stack gap="lg">
      <Text c="dimmed">
        {t(report.chosen_on ? "lead.validation" : "lead.test", {
          rows: format.number(report.rows),
        })}
      </Text>
      <Verdict report={report} />
      <Macro report={report} />
      <Figures report={report} />
      {report.baselines.length > 0 ? (
        <Panel title={t("baselines.title")}>
          <Baselines report={report} />
        </Panel>
      ) : null}
      {report.confusion ? <Confusion report={report} confusion={report.confusion} /> : null}
      <Samples report={report} />
      {report.per_class.length > 0 ? (
        <Panel title={t("classes.title")}>
          <Labels report={report} />
        </Panel>
      ) : null}
      {report.averages ? (
        <Panel title={t("averages.title")}>
          <Averages averages={report.averages} />
        </Panel>
      ) : null}
      <Charts report={report} />
      {report.slices.length > 0 ? (
        <Panel title={t("slices.title")}>
          <Slices report={report} />
        </Panel>
      ) : null}
      {report.column_slices ? <ColumnSlices part={report.column_slices} /> : null}
      <Speed report={report} />
    </Stack>
  );
};

export const EvaluationPage = () => {
  const { t } = useTranslation("evaluation");
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
        <QueryView query={found}>{(report) => <Parts report={report} />}</QueryView>
      )}
    </>
  );
};
