import { Button, Text } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { type PlanDraft, planChange, plansQuery, subscriptionQuery } from "@/api/billing";
import type { PlanOffer, Subscription } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { useNamed } from "@/lib/useNamed";
import { useCan, useOrg } from "@/lib/useOrg";
import { ConfirmDialog } from "@/ui/ConfirmDialog";
import { LinkAnchor } from "@/ui/links";
import { QueryView } from "@/ui/QueryView";
import { PlanCard } from "../pricing/PlanCard";
import classes from "../pricing/Pricing.module.css";
import { useMeterName } from "../usage/useMeterName";
import { BillingFrame } from "./BillingFrame";

type Standing = "current" | "keep" | "next" | "other";

const standingOf = (code: string, { plan, next, ends_at: end }: Subscription): Standing => {
  if (next?.plan.code === code) return "next";
  if (plan?.code !== code) return "other";
  return next || end ? "keep" : "current";
};

/** The server decides in the same way: what costs less begins at the period's end. */
const beginsLater = (plan: PlanOffer, { plan: now }: Subscription): boolean =>
  now !== null && now.code !== plan.code && Number(plan.fee) < Number(now.fee);

const draftOf = (plan: PlanOffer, subscription: Subscription): PlanDraft =>
  subscription.plan
    ? { plan: plan.code }
    : { plan: plan.code, time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone };

type ChangeProps = {
  plan: PlanOffer | undefined;
  subscription: Subscription;
  onClose: () => void;
};

const Change = ({ plan, subscription, onClose }: ChangeProps) => {
  const { t } = useTranslation("billing");
  const org = useOrg();
  const client = useQueryClient();
  const format = useFormat();
  const named = useNamed();
  const change = useMutation({
    mutationFn: (draft: PlanDraft) => planChange(org, draft),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: [org.id] });
      onClose();
    },
  });
  const close = () => {
    change.reset();
    onClose();
  };
  // One draft for as long as the question stands: pressing again after a lost answer counts once.
  const draft = useMemo(() => plan && draftOf(plan, subscription), [plan, subscription]);
  if (!plan || !draft) return null;
  const values = { plan: named(plan.name), date: format.date(subscription.current_period.ends_at) };
  const keeps = standingOf(plan.code, subscription) === "keep";
  const text = beginsLater(plan, subscription)
    ? t("change.later", values)
    : t("change.now", values);
  return (
    <ConfirmDialog
      opened
      onClose={close}
      onConfirm={() => change.mutate(draft)}
      title={t(keeps ? "change.keepTitle" : "change.title", values)}
      text={keeps ? t("change.keep", values) : text}
      confirm={t("change.confirm")}
      busy={change.isPending}
      error={change.error}
      danger={false}
    />
  );
};

type ActionProps = { standing: Standing; name: string; onChoose: () => void };

const Action = ({ standing, name, onChoose }: ActionProps) => {
  const { t } = useTranslation("billing");
  const may = useCan("money");
  if (standing === "current" || standing === "next") {
    return (
      <Button fullWidth disabled>
        {t(`standing.${standing}`)}
      </Button>
    );
  }
  return (
    <Button
      fullWidth
      variant="default"
      disabled={!may}
      aria-label={t(`standing.${standing}Named`, { plan: name })}
      onClick={onChoose}
    >
      {t(`standing.${standing}`)}
    </Button>
  );
};

const Choice = ({ subscription }: { subscription: Subscription }) => {
  const { t } = useTranslation("billing");
  const named = useNamed();
  const meterName = useMeterName();
  const plans = useQuery(plansQuery);
  const [chosen, setChosen] = useState<PlanOffer>();
  return (
    <>
      <QueryView query={plans}>
        {({ data }) =>
          data.length === 0 ? (
            <Text c="dimmed">{t("plan.noOffer")}</Text>
          ) : (
            <ul className={classes.plans} aria-label={t("tabs.plans")}>
              {data.map((plan) => (
                <PlanCard
                  key={plan.code}
                  plan={plan}
                  meterName={meterName}
                  marked={subscription.plan?.code === plan.code}
                  action={
                    <Action
                      standing={standingOf(plan.code, subscription)}
                      name={named(plan.name)}
                      onChoose={() => setChosen(plan)}
                    />
                  }
                />
              ))}
            </ul>
          )
        }
      </QueryView>
      <Change plan={chosen} subscription={subscription} onClose={() => setChosen(undefined)} />
    </>
  );
};

/** The plans on offer, and the way to another one. */
export const PlansPage = () => {
  const { t } = useTranslation("billing");
  const subscription = useQuery({ ...subscriptionQuery(useOrg()), enabled: useCan("money") });
  return (
    <BillingFrame title={t("plans.title")} lead={t("plans.lead")}>
      <QueryView query={subscription}>{(data) => <Choice subscription={data} />}</QueryView>
      <Text size="sm" mt="lg">
        <LinkAnchor to="/pricing">{t("plans.prices")}</LinkAnchor>
      </Text>
    </BillingFrame>
  );
};
