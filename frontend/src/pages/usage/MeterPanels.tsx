import { SimpleGrid } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { UsageBucket } from "@/api/types";
import { COLOURS, daily, sharesOf, type Tones, totalOf } from "@/lib/buckets";
import type { Group } from "@/lib/periods";
import { useFormat } from "@/lib/useFormat";
import { Bars } from "@/ui/Bars";
import { Panel } from "@/ui/Panel";
import { DayChart } from "./DayChart";
import { useMeterName } from "./useMeterName";

type Props = {
  meter: string;
  buckets: readonly UsageBucket[];
  group: Group;
  tones: Tones;
  memberName: (member: string) => string;
};

/** One meter: its days, and beside them whose they were. */
export const MeterPanels = ({ meter, buckets, group, tones, memberName }: Props) => {
  const { t } = useTranslation("usage");
  const format = useFormat();
  const meterName = useMeterName();
  const shares = sharesOf(buckets, meter, group);
  const days = (
    <Panel
      title={meterName(meter)}
      aside={
        <strong className="tabular" data-testid={`used-${meter}`}>
          {format.number(totalOf(buckets, meter))}
        </strong>
      }
    >
      <DayChart days={daily(buckets, meter, group, tones)} label={meterName(meter)} />
    </Panel>
  );
  if (group === "meter") return days;
  const title = t(`by.${group}`, { meter: meterName(meter) });
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
      {days}
      <Panel title={title}>
        <Bars
          caption={title}
          items={shares.map(({ member, units }) => ({
            name: memberName(member),
            value: units,
            text: format.number(units),
            tone: tones.get(member) ?? COLOURS,
          }))}
        />
      </Panel>
    </SimpleGrid>
  );
};
