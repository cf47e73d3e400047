import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { subscriptionQuery } from "@/api/billing";
import type { Subscription } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { useNamed } from "@/lib/useNamed";
import { useOrg } from "@/lib/useOrg";
import { LinkButton } from "@/ui/links";
import { Panel } from "@/ui/Panel";
import { QueryView } from "@/ui/QueryView";
import { Stats } from "@/ui/Stat";
import { LeavePlan } from "./LeavePlan";
import { useBillingDay } from "./useBillingDay";

const Facts = ({ subscription }: { subscription: Subscription }) => {
  const { t } = useTranslation(["billing", "pricing"]);
  const format = useFormat();
  const { day } = useBillingDay();
  const named = useNamed();
  const { plan, next, ends_at: end, current_period: period } = subscription;
  if (!plan) return <Text c="dimmed">{t("plan.none")}</Text>;
  return (
    <>
      <Stats
        items={[
          {
            label: t("plan.current"),
            value: named(plan.name),
            hint: `${format.sum(plan.fee, plan.currency)} ${t(`pricing:plan.period.${plan.period}`)}`,
          },
          {
            label: next || end ? t("plan.ends") : t("plan.renews"),
            value: day(period.ends_at),
            hint: subscription.time_zone,
          },
        ]}
      />
      {next ? (
        <Text size="sm" mt="md">
          {t("plan.next", { plan: named(next.plan.name), date: day(next.starts_at) })}
        </Text>
      ) : null}
      {end ? (
        <Text size="sm" mt="md">
          {t("plan.nothingNext", { date: day(end) })}
        </Text>
      ) : null}
      <LeavePlan />
    </>
  );
};

/** The plan there is, and when it renews. */
export const PlanPanel = () => {
  const { t } = useTranslation("billing");
  const org = useOrg();
  const subscription = useQuery(subscriptionQuery(org));
  return (
    <Panel
      title={t("plan.title")}
      aside={
        <LinkButton
          to="/o/$org/billing/plans"
          params={{ org: org.slug }}
          variant="default"
          size="xs"
        >
          {t("plan.change")}
        </LinkButton>
      }
    >
      <QueryView query={subscription}>{(data) => <Facts subscription={data} />}</QueryView>
    </Panel>
  );
};
