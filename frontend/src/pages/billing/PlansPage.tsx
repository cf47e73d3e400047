import { Button, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { plansQuery, subscriptionQuery } from "@/api/billing";
import type { PlanOffer, Subscription } from "@/api/types";
import { useNamed } from "@/lib/useNamed";
import { useCan, useOrg } from "@/lib/useOrg";
import { LinkAnchor } from "@/ui/links";
import { QueryView } from "@/ui/QueryView";
import { PlanCard } from "../pricing/PlanCard";
import classes from "../pricing/Pricing.module.css";
import { useMeterName } from "../usage/useMeterName";
import { BillingFrame } from "./BillingFrame";
import { LeavePlan } from "./LeavePlan";
import { PlanChange } from "./PlanChange";
import { type Standing, standingOf } from "./planChoice";

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
      <LeavePlan />
      {chosen ? (
        <PlanChange
          plan={chosen}
          subscription={subscription}
          onClose={() => setChosen(undefined)}
        />
      ) : null}
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
