import { SimpleGrid } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { datasetStatsQuery } from "@/api/datasets";
import type { LengthBin, Splits } from "@/api/types";
import { useFigure } from "@/lib/useFigure";
import { useFormat } from "@/lib/useFormat";
import { useOrg } from "@/lib/useOrg";
import { Bars } from "@/ui/Bars";
import { Panel } from "@/ui/Panel";
import { QueryView } from "@/ui/QueryView";

const lengthLabel = ({ from, to }: LengthBin): string =>
  to === null ? `≥ ${from}` : `${from}–${to}`;

const rowsOf = (splits: Splits): number => splits.train + splits.validation + splits.test;

export const StatsTab = ({ datasetId }: { datasetId: string }) => {
  const { t } = useTranslation("datasets");
  const format = useFormat();
  const figure = useFigure();
  const stats = useQuery(datasetStatsQuery(useOrg(), datasetId));
  return (
    <QueryView query={stats}>
      {(data) => (
        <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
          {data.numbers ? (
            <Panel title={t("stats.numbers")}>
              <Bars
                caption={t("stats.numbers")}
                items={data.numbers.bins.map((bin) => ({
                  name: `${figure.text("value", bin.from)} – ${figure.text("value", bin.to)}`,
                  value: bin.count,
                  text: format.number(bin.count),
                }))}
              />
            </Panel>
          ) : null}
          {Object.keys(data.labels).length > 0 ? (
            <Panel title={t("stats.balance")}>
              <Bars
                caption={t("stats.balance")}
                items={Object.entries(data.labels)
                  .map(([name, splits]) => [name, rowsOf(splits)] as const)
                  .map(([name, count]) => ({
                    name,
                    value: count,
                    text: `${format.number(count)} · ${format.percent(count / Math.max(1, data.rows), 0)}`,
                  }))}
              />
            </Panel>
          ) : null}
          <Panel title={t("stats.lengths")}>
            <Bars
              caption={t("stats.lengths")}
              items={data.characters.bins.map((bin) => ({
                name: lengthLabel(bin),
                value: bin.count,
                text: format.number(bin.count),
              }))}
            />
          </Panel>
        </SimpleGrid>
      )}
    </QueryView>
  );
};
