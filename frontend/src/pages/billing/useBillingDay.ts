/** Days as invoices count them, in the plan's time zone: the page says those that the PDF says. */
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { subscriptionQuery } from "@/api/billing";
import type { Moment } from "@/api/types";
import { dateOf, formatDay, isZone } from "@/lib/format";
import { useCan, useOrg } from "@/lib/useOrg";

type BillingDay = {
  day: (moment: Moment) => string;
  /** A period ends where the next one begins. */
  lastDay: (end: Moment) => string;
};

export const useBillingDay = (): BillingDay => {
  const { i18n } = useTranslation();
  const { data } = useQuery({ ...subscriptionQuery(useOrg()), enabled: useCan("money") });
  const zone = data && isZone(data.time_zone) ? data.time_zone : "UTC";
  const day = (moment: Moment) => formatDay(moment, i18n.language, zone);
  return { day, lastDay: (end) => day(new Date(dateOf(end).getTime() - 1).toISOString()) };
};
