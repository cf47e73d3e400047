import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { COLOURS, type Day } from "@/lib/buckets";
import { useFormat } from "@/lib/useFormat";
import classes from "./DayChart.module.css";

type Props = { days: readonly Day[]; label: string };

const TONES = Array.from({ length: COLOURS }, (_, place) => place);

const share = (units: number, of: number): string => `${of > 0 ? (100 * units) / of : 0}%`;

/** One column a day, of parts by tone; the picture has its story in words. */
export const DayChart = ({ days, label }: Props) => {
  const { t } = useTranslation("usage");
  const format = useFormat();
  const most = Math.max(0, ...days.map((day) => day.units));
  const busiest = days.find((day) => day.units === most && most > 0);
  const summary = busiest
    ? t("busiest", { date: format.day(busiest.start), units: format.number(busiest.units) })
    : t("none");
  const [first] = days;
  const last = days.at(-1);
  return (
    <>
      <div className={classes.frame} role="img" aria-label={`${label}. ${summary}`}>
        <Text size="xs" c="dimmed" className={classes.most}>
          {format.number(most)}
        </Text>
        <div className={classes.chart}>
          {days.map((day) => (
            <span
              key={day.start}
              className={classes.day}
              style={{ height: share(day.units, most) }}
              data-zero={day.units === 0 || undefined}
              title={`${format.day(day.start)}: ${format.number(day.units)}`}
            >
              {TONES.filter((tone) => day.parts[tone]).map((tone) => (
                <span
                  key={tone}
                  className={classes.part}
                  data-tone={tone + 1}
                  style={{ height: share(day.parts[tone] ?? 0, day.units) }}
                />
              ))}
            </span>
          ))}
        </div>
      </div>
      <div className={classes.ends}>
        <Text size="xs" c="dimmed">
          {first ? format.day(first.start) : ""}
        </Text>
        <Text size="xs" c="dimmed">
          {last ? format.day(last.start) : ""}
        </Text>
      </div>
      <Text size="sm" c="dimmed" mt="xs">
        {summary}
      </Text>
    </>
  );
};
