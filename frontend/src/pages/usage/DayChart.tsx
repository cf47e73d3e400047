import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Day } from "@/lib/buckets";
import { useFormat } from "@/lib/useFormat";
import classes from "./DayChart.module.css";

type Props = { days: readonly Day[]; label: string };

/** One column a day; the picture has its story in words. */
export const DayChart = ({ days, label }: Props) => {
  const { t } = useTranslation("usage");
  const format = useFormat();
  const most = Math.max(1, ...days.map((day) => day.units));
  const busiest = days.reduce<Day | undefined>(
    (best, day) => (day.units > (best?.units ?? 0) ? day : best),
    undefined,
  );
  const summary = busiest
    ? t("busiest", { date: format.date(busiest.start), units: format.number(busiest.units) })
    : t("none");
  const [first] = days;
  const last = days.at(-1);
  return (
    <>
      <div className={classes.chart} role="img" aria-label={`${label}. ${summary}`}>
        {days.map((day) => (
          <span
            key={day.start}
            className={classes.day}
            style={{ height: `${(100 * day.units) / most}%` }}
            data-zero={day.units === 0 || undefined}
          />
        ))}
      </div>
      <div className={classes.ends}>
        <Text size="xs" c="dimmed">
          {first ? format.date(first.start) : ""}
        </Text>
        <Text size="xs" c="dimmed">
          {last ? format.date(last.start) : ""}
        </Text>
      </div>
      <Text size="sm" c="dimmed" mt="xs">
        {summary}
      </Text>
    </>
  );
};
