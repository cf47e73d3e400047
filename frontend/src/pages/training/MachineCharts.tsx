import { SimpleGrid } from "@mantine/core";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { columnsOf, type Point } from "@/lib/metrics";
import { useFormat } from "@/lib/useFormat";
import { LiveChart, type Series } from "@/ui/LiveChart";
import { Panel } from "@/ui/Panel";

const HEIGHT = 150;

type Name = "tokensPerSecond" | "megabytes" | "learningRate";
type Props = { points: readonly Point[]; name: Name; color: Series["color"] };

const Chart = ({ points, name, color }: Props) => {
  const { t } = useTranslation("training");
  const format = useFormat();
  const title = t(`chart.${name}`);
  const measured = useMemo(
    () => points.filter((point) => point[name] !== undefined),
    [points, name],
  );
  const columns = useMemo(() => columnsOf(measured, [name]), [measured, name]);
  const series = useMemo<Series[]>(() => [{ label: title, color }], [title, color]);
  const latest = measured.at(-1)?.[name];
  if (latest === undefined) return null;
  const value = format.figure(latest);
  return (
    <Panel title={title}>
      <LiveChart
        columns={columns}
        series={series}
        height={HEIGHT}
        xLabel={t("chart.step")}
        summary={t("chart.machineSummary", { name: title, value })}
      />
    </Panel>
  );
};

/** Speed, memory and learning rate by step; what a job does not measure is not drawn. */
export const MachineCharts = ({ points, tier }: { points: readonly Point[]; tier: string }) => (
  <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }} spacing="lg" mt="lg" data-testid="machine-charts">
    <Chart points={points} name="tokensPerSecond" color="--chart-1" />
    <Chart points={points} name="megabytes" color="--chart-2" />
    {/* tier head fits its classifier to an end, and no rate of it moves */}
    {tier === "head" ? null : <Chart points={points} name="learningRate" color="--chart-3" />}
  </SimpleGrid>
);
