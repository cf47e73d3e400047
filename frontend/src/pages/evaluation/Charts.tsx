import { NativeSelect, SimpleGrid, Text } from "@mantine/core";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Evaluation } from "@/api/types";
import type { Columns } from "@/lib/metrics";
import { useFormat } from "@/lib/useFormat";
import { LiveChart, type Series } from "@/ui/LiveChart";
import { Panel } from "@/ui/Panel";

type Calibration = NonNullable<Evaluation["calibration"]>;

const Reliability = ({ calibration }: { calibration: Calibration }) => {
  const { t } = useTranslation("evaluation");
  const format = useFormat();
  const { bins, ece } = calibration;
  const columns = useMemo<Columns>(() => {
    const scores = bins.map((bin) => bin.confidence);
    return [scores, bins.map((bin) => bin.accuracy), scores];
  }, [bins]);
  const series = useMemo<Series[]>(
    () => [
      { label: t("calibration.line"), color: "--chart-1" },
      { label: t("calibration.ideal"), color: "--chart-2", dash: true },
    ],
    [t],
  );
  return (
    <Panel title={t("calibration.title")}>
      <Text size="sm" c="dimmed" mb="sm">
        {t("calibration.help")}
      </Text>
      <LiveChart
        columns={columns}
        series={series}
        share
        xLabel={t("calibration.score")}
        summary={t("calibration.summary", { ece: format.percent(ece) })}
      />
    </Panel>
  );
};

const PrecisionRecall = ({ report }: { report: Evaluation }) => {
  const { t } = useTranslation("evaluation");
  const format = useFormat();
  const [chosen, setChosen] = useState(report.curves[0]?.label ?? "");
  const columns = useMemo<Columns>(() => {
    const points = report.curves.find((curve) => curve.label === chosen)?.points ?? [];
    return [points.map(([recall]) => recall ?? 0), points.map(([, precision]) => precision ?? 0)];
  }, [report.curves, chosen]);
  const series = useMemo<Series[]>(
    () => [{ label: t("curve.precision"), color: "--chart-3" }],
    [t],
  );
  const area = report.per_class.find((line) => line.label === chosen)?.average_precision;
  return (
    <Panel title={t("curve.title")}>
      <Text size="sm" c="dimmed" mb="sm">
        {t("curve.help")}
      </Text>
      <NativeSelect
        label={t("curve.label")}
        data={report.curves.map((curve) => curve.label)}
        value={chosen}
        onChange={(event) => setChosen(event.currentTarget.value)}
        mb="sm"
      />
      <LiveChart
        columns={columns}
        series={series}
        share
        xLabel={t("curve.recall")}
        summary={t("curve.summary", {
          label: chosen,
          value: typeof area === "number" ? format.percent(area) : "–",
        })}
      />
    </Panel>
  );
};

/** Whether scores can be believed, and what a threshold buys. */
export const Charts = ({ report }: { report: Evaluation }) => (
  <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
    {report.calibration ? <Reliability calibration={report.calibration} /> : null}
    {report.curves.length > 0 ? <PrecisionRecall report={report} /> : null}
  </SimpleGrid>
);
