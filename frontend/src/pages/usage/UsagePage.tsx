import { Button, SegmentedControl, SimpleGrid, Stack } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { usageQuery } from "@/api/usage";
import { linesOf, metersOf, tonesOf } from "@/lib/buckets";
import { csvOf, csvSave } from "@/lib/csv";
import { GROUPS, type Group, PERIODS, type Period } from "@/lib/periods";
import { useCan, useOrg } from "@/lib/useOrg";
import { PageHeader } from "@/ui/PageHeader";
import { Panel } from "@/ui/Panel";
import { QueryView } from "@/ui/QueryView";
import { BalancePanel } from "./BalancePanel";
import { DayTable } from "./DayTable";
import { ForecastPanel } from "./ForecastPanel";
import { MeterPanels } from "./MeterPanels";
import classes from "./UsagePage.module.css";
import { useMemberName } from "./useMemberName";

const MILLISECONDS = 1000;
const DATE_LENGTH = "2026-01-31".length;
const dayIso = (start: number): string =>
  new Date(start * MILLISECONDS).toISOString().slice(0, DATE_LENGTH);

/** Money first, for those who may see it; then what was used, by day and by whom. */
export const UsagePage = () => {
  const { t } = useTranslation("usage");
  const org = useOrg();
  const money = useCan("money");
  const [period, setPeriod] = useState<Period>("30");
  const [group, setGroup] = useState<Group>("model");
  const memberName = useMemberName(group);
  const usage = useQuery(usageQuery(org, period, group));
  const lines = linesOf(usage.data ?? [], group);
  const tones = tonesOf(usage.data ?? [], group);
  const save = () => {
    const named = group === "meter" ? [] : [group, `${group}_name`];
    const rows = lines.map((line) => [
      dayIso(line.start),
      line.meter,
      ...(group === "meter" ? [] : [line.member, memberName(line.member)]),
      line.units,
    ]);
    csvSave(
      `${org.slug}-usage-${period}.csv`,
      csvOf([["day", "meter", ...named, "units"], ...rows]),
    );
  };
  return (
    <>
      <PageHeader
        title={t("title")}
        lead={t("lead")}
        action={
          <Button
            variant="default"
            leftSection={<IconDownload size={16} aria-hidden="true" />}
            onClick={save}
            disabled={lines.length === 0 || usage.isPlaceholderData}
          >
            {t("export")}
          </Button>
        }
      />
      <Stack gap="lg">
        {money ? (
          <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
            <ForecastPanel />
            <BalancePanel />
          </SimpleGrid>
        ) : null}
        <div className={classes.switches}>
          <SegmentedControl
            aria-label={t("period.label")}
            value={period}
            onChange={(value) => setPeriod(value as Period)}
            data={PERIODS.map((value) => ({ value, label: t(`period.${value}`) }))}
          />
          <SegmentedControl
            aria-label={t("group.label")}
            value={group}
            onChange={(value) => setGroup(value as Group)}
            data={GROUPS.map((value) => ({ value, label: t(`group.${value}`) }))}
          />
        </div>
        <QueryView query={usage}>
          {(buckets) => (
            <Stack gap="lg" aria-busy={usage.isPlaceholderData}>
              {metersOf(buckets).map((meter) => (
                <MeterPanels
                  key={meter}
                  meter={meter}
                  buckets={buckets}
                  group={group}
                  tones={tones}
                  memberName={memberName}
                />
              ))}
              {lines.length === 0 ? (
                <Panel>{t("none")}</Panel>
              ) : (
                <DayTable lines={lines} group={group} memberName={memberName} />
              )}
            </Stack>
          )}
        </QueryView>
      </Stack>
    </>
  );
};
