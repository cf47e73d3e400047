import { SegmentedControl, SimpleGrid, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { usageQuery } from "@/api/usage";
import { byModel, daily, metersOf, totalOf } from "@/lib/buckets";
import { useFormat } from "@/lib/useFormat";
import { useOrg } from "@/lib/useOrg";
import { Bars } from "@/ui/Bars";
import { PageHeader } from "@/ui/PageHeader";
import { Panel } from "@/ui/Panel";
import { QueryView } from "@/ui/QueryView";
import { BalancePanel } from "./BalancePanel";
import { DayChart } from "./DayChart";
import { useMeterName } from "./useMeterName";

const RANGES = ["7", "30"] as const;

/** What is left, then what was used, by day and by model. */
export const UsagePage = () => {
  const { t } = useTranslation("usage");
  const format = useFormat();
  const meterName = useMeterName();
  const [days, setDays] = useState<string>("30");
  const usage = useQuery(usageQuery(useOrg(), Number(days)));
  return (
    <>
      <PageHeader title={t("title")} lead={t("lead")} />
      <Stack gap="lg">
        <BalancePanel />
        <SegmentedControl
          aria-label={t("range.label")}
          value={days}
          onChange={setDays}
          data={RANGES.map((value) => ({ value, label: t(`range.${value}`) }))}
          maw={420}
        />
        <QueryView query={usage}>
          {({ data }) => (
            <Stack gap="lg">
              {metersOf(data).map((meter) => (
                <SimpleGrid key={meter} cols={{ base: 1, md: 2 }} spacing="lg">
                  <Panel
                    title={meterName(meter)}
                    aside={
                      <strong className="tabular" data-testid={`used-${meter}`}>
                        {format.number(totalOf(data, meter))}
                      </strong>
                    }
                  >
                    <DayChart days={daily(data, meter)} label={meterName(meter)} />
                  </Panel>
                  <Panel title={t("byModel", { meter: meterName(meter) })}>
                    <Bars
                      caption={t("byModel", { meter: meterName(meter) })}
                      items={byModel(data, meter).map(({ model, units }) => ({
                        name: model || t("noModel"),
                        value: units,
                        text: format.number(units),
                      }))}
                    />
                  </Panel>
                </SimpleGrid>
              ))}
              {metersOf(data).length === 0 ? <Panel>{t("none")}</Panel> : null}
            </Stack>
          )}
        </QueryView>
      </Stack>
    </>
  );
};
