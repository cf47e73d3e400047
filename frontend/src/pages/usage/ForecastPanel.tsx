import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { forecastQuery } from "@/api/billing";
import type { Forecast, MeterForecast } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { useOrg } from "@/lib/useOrg";
import { Panel } from "@/ui/Panel";
import { QueryView } from "@/ui/QueryView";
import { Stats } from "@/ui/Stat";
import classes from "./ForecastPanel.module.css";
import { useMeterName } from "./useMeterName";

const percent = (part: number, whole: number): string =>
  `${whole > 0 ? Math.min(100, (100 * part) / whole) : 0}%`;

/** What is used, what is expected, and the band between which four of five outcomes lie. */
const Band = ({ line }: { line: MeterForecast }) => {
  const { t } = useTranslation("usage");
  const format = useFormat();
  const meterName = useMeterName();
  const { low, expected, high } = line.units;
  return (
    <li className={classes.line}>
      <div className={classes.head}>
        <Text fw={600}>{meterName(line.meter)}</Text>
        <Text className="tabular" data-testid={`forecast-${line.meter}`}>
          {t("forecast.about", { units: format.number(Math.round(expected)) })}
        </Text>
      </div>
      <div className={classes.track} aria-hidden="true">
        <span
          className={classes.band}
          style={{ left: percent(low, high), width: percent(high - low, high) }}
        />
        <span className={classes.used} style={{ width: percent(line.used, high) }} />
        <span className={classes.expected} style={{ left: percent(expected, high) }} />
      </div>
      <Text size="sm" c="dimmed">
        {t("forecast.line", {
          used: format.number(line.used),
          low: format.number(Math.floor(low)),
          high: format.number(Math.ceil(high)),
        })}
      </Text>
    </li>
  );
};

const Money = ({ forecast }: { forecast: Forecast }) => {
  const { t } = useTranslation("usage");
  const format = useFormat();
  const money = (amount: string) => format.estimate(amount, forecast.currency);
  const { low, expected, high } = forecast.amount;
  return (
    <>
      <Stats
        items={[
          { label: t("forecast.soFar"), value: money(forecast.amount_used) },
          {
            label: t("forecast.expected"),
            value: money(expected),
            hint: t("forecast.between", { low: money(low), high: money(high) }),
          },
        ]}
      />
      <Text size="sm" c="dimmed" mt="md">
        {t("forecast.note")}
      </Text>
    </>
  );
};

/** What the running period will come to. */
export const ForecastPanel = () => {
  const { t } = useTranslation("usage");
  const format = useFormat();
  const forecast = useQuery(forecastQuery(useOrg()));
  return (
    <Panel
      title={t("forecast.title")}
      aside={
        forecast.data ? (
          <Text size="sm" c="dimmed">
            {t("forecast.until", { date: format.date(forecast.data.period_end) })}
          </Text>
        ) : null
      }
    >
      <QueryView query={forecast}>
        {(data) =>
          data.data.length === 0 ? (
            <Text c="dimmed" size="sm">
              {t("forecast.none")}
            </Text>
          ) : (
            <>
              <ul className={classes.list}>
                {data.data.map((line) => (
                  <Band key={line.meter} line={line} />
                ))}
              </ul>
              <Money forecast={data} />
            </>
          )
        }
      </QueryView>
    </Panel>
  );
};
