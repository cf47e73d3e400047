import { Text } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { type PlanDraft, planChange } from "@/api/billing";
import { paymentMethodsQuery } from "@/api/payments";
import type { PlanOffer, Subscription } from "@/api/types";
import { prorated } from "@/lib/proration";
import { useCoins } from "@/lib/useCoins";
import { useFormat } from "@/lib/useFormat";
import { useNamed } from "@/lib/useNamed";
import { useOnce } from "@/lib/useOnce";
import { useOrg } from "@/lib/useOrg";
import { ConfirmDialog } from "@/ui/ConfirmDialog";
import classes from "./PlanChange.module.css";
import { useCardName } from "./payments/useCardName";
import { beginsLater, draftOf, mustBePaid, standingOf } from "./planChoice";
import { useCheckout } from "./useCheckout";

type Props = { plan: PlanOffer; subscription: Subscription; onClose: () => void };

/** What is charged now and what from the next period on, before taxes and discounts. */
const Costs = ({ plan, subscription }: Omit<Props, "onClose">) => {
  const { t } = useTranslation(["billing", "pricing"]);
  const coins = useCoins();
  const format = useFormat();
  const named = useNamed();
  const later = beginsLater(plan, subscription);
  const { begun, unused, today } = prorated(plan, subscription);
  const { currency } = plan;
  const old = subscription.plan;
  const fee = `${format.sum(plan.fee, currency)} ${t(`pricing:plan.period.${plan.period}`)}`;
  const lines = later
    ? []
    : [
        { label: t("cost.begun", { plan: named(plan.name) }), amount: begun, sign: "" },
        ...(old && Number(unused) > 0
          ? [{ label: t("cost.unused", { plan: named(old.name) }), amount: unused, sign: "-" }]
          : []),
      ];
  return (
    <div>
      <dl className={classes.costs}>
        {lines.map(({ label, amount, sign }) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{coins(`${sign}${amount}`, currency)}</dd>
          </div>
        ))}
        <div data-total>
          <dt>{t("cost.today")}</dt>
          <dd>{coins(later ? "0" : today, currency)}</dd>
        </div>
        <div>
          <dt>
            {t(subscription.plan ? "cost.from" : "cost.then", {
              date: format.date(subscription.current_period.ends_at),
            })}
          </dt>
          <dd>{fee}</dd>
        </div>
      </dl>
      <Text size="sm" c="dimmed">
        {t("cost.note")}
      </Text>
    </div>
  );
};

/** Whether a plan begins only once a card is saved, and how that is said. */
const usePayment = (plan: PlanOffer, subscription: Subscription) => {
  const { t } = useTranslation("billing");
  const cardName = useCardName();
  const methods = useQuery(paymentMethodsQuery(useOrg()));
  const wanted = mustBePaid(plan) && standingOf(plan.code, subscription) === "other";
  const card = methods.data?.data.find((one) => one.is_default);
  const byCheckout = wanted && !card;
  const text = card ? t("cost.card", { card: cardName(card) }) : t("cost.noCard");
  return { wanted, byCheckout, ready: !wanted || !methods.isPending, text };
};

/** The question before a plan is changed: when it begins, what it costs, with what it is paid. */
export const PlanChange = ({ plan, subscription, onClose }: Props) => {
  const { t } = useTranslation("billing");
  const org = useOrg();
  const client = useQueryClient();
  const format = useFormat();
  const named = useNamed();
  const payment = usePayment(plan, subscription);
  const checkout = useCheckout();
  const change = useOnce({
    mutationFn: (draft: PlanDraft) => planChange(org, draft),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: [org.id] });
      onClose();
    },
  });
  const confirm = () =>
    payment.byCheckout
      ? checkout.go({ purpose: "plan", ...draftOf(plan, subscription) })
      : change.mutate(draftOf(plan, subscription));
  const values = { plan: named(plan.name), date: format.date(subscription.current_period.ends_at) };
  const keeps = standingOf(plan.code, subscription) === "keep";
  const text = beginsLater(plan, subscription)
    ? t("change.later", values)
    : t("change.now", values);
  return (
    <ConfirmDialog
      opened
      onClose={onClose}
      onConfirm={confirm}
      title={t(keeps ? "change.keepTitle" : "change.title", values)}
      text={keeps ? t("change.keep", values) : text}
      confirm={t(payment.byCheckout ? "change.toCard" : "change.confirm")}
      busy={change.isPending || checkout.busy || !payment.ready}
      error={change.error ?? checkout.error}
      danger={false}
    >
      {payment.wanted ? (
        <>
          <Costs plan={plan} subscription={subscription} />
          {payment.ready ? <Text size="sm">{payment.text}</Text> : null}
        </>
      ) : null}
    </ConfirmDialog>
  );
};
