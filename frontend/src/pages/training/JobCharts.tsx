import { SimpleGrid, Text } from "@mantine/core";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { isShare, lossText } from "@/lib/figures";
import { columnsOf, merged, type Point, pointOf, scoreNameOf } from "@/lib/metrics";
import { useFigure } from "@/lib/useFigure";
import { LiveChart, type Series } from "@/ui/LiveChart";
import { Panel } from "@/ui/Panel";
import { MachineCharts } from "./MachineCharts";
import { MetricTable } from "./MetricTable";

const last = (points: readonly Point[], name: keyof Point): number | undefined =>
  points.findLast((point) => point[name] !== undefined)?.[name];

type Props = { metrics: readonly Record<string, unknown>[]; tier: string };

/** Loss and accuracy as they come, what the machine does, and the figures below. */
export const JobCharts = ({ metrics, tier }: Props) => {
  const { t } = useTranslation("training");
  const figure = useFigure();
  const score = scoreNameOf(metrics);
  const scoreName = figure.name(score);
  const points = useMemo(
    () => merged(metrics.map(pointOf).filter((point) => point !== undefined)),
    [metrics],
  );
  const lossColumns = useMemo(() => columnsOf(points, ["trainLoss", "validLoss"]), [points]);
  const accuracyColumns = useMemo(() => columnsOf(points, ["accuracy"]), [points]);
  const lossSeries = useMemo<Series[]>(
    () => [
      { label: t("chart.train"), color: "--chart-1" },
      { label: t("chart.valid"), color: "--chart-2", dash: true },
    ],
    [t],
  );
  const accuracySeries = useMemo<Series[]>(
    () => [{ label: t("chart.validScore", { name: scoreName }), color: "--chart-3" }],
    [t, scoreName],
  );
  if (points.length === 0) {
    return (
      <Panel title={t("chart.title")}>
        <Text c="dimmed" size="sm">
          {t("chart.waiting")}
        </Text>
      </Panel>
    );
  }
  const loss = last(points, "trainLoss");
  const accuracy = last(points, "accuracy");
  return (
    <div data-testid="charts" data-points={points.length}>
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
        <Panel title={t("chart.loss")}>
          <LiveChart
            columns={lossColumns}
            series={lossSeries}
            xLabel={t("chart.step")}
            summary={t("chart.lossSummary", { loss: lossText(loss) })}
          />
        </Panel>
        <Panel title={scoreName}>
          <LiveChart
            columns={accuracyColumns}
            series={accuracySeries}
            share={isShare(score)}
            xLabel={t("chart.step")}
            summary={t("chart.scoreSummary", {
              name: scoreName,
              value: accuracy === undefined ? "–" : figure.text(score, accuracy),
            })}
          />
        </Panel>
      </SimpleGrid>
      <MachineCharts points={points} tier={tier} />
      <MetricTable points={points} score={score} />
    </div>
  );
};
