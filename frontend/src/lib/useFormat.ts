/** The formatters of lib/format bound to the language on screen. */
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { Moment } from "@/api/types";
import * as format from "./format";

export const useFormat = () => {
  const { i18n } = useTranslation();
  const { language } = i18n;
  return useMemo(
    () => ({
      number: (value: number | string) => format.formatNumber(value, language),
      figure: (value: number) => format.formatFigure(value, language),
      percent: (share: number, digits?: number) => format.formatPercent(share, language, digits),
      date: (moment: Moment) => format.formatDate(moment, language),
      day: (moment: Moment) => format.formatDay(moment, language),
      dateTime: (moment: Moment) => format.formatDateTime(moment, language),
      clock: (moment: Moment) => format.formatClock(moment, language),
      ago: (moment: Moment) => format.formatAgo(moment, language),
      span: (seconds: number) => format.formatSpan(seconds, language),
      milliseconds: (value: number) => format.formatMilliseconds(value, language),
      money: (amount: number | string, currency: string) =>
        format.formatMoney(amount, currency, language),
      sum: (amount: number | string, currency: string) =>
        format.formatSum(amount, currency, language),
      estimate: (amount: number | string, currency: string) =>
        format.formatEstimate(amount, currency, language),
      units: (amount: number | string, unit: string) => format.formatUnits(amount, unit, language),
    }),
    [language],
  );
};
