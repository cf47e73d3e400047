import { Text } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { type PlanDraft, planChange, planPreviewQuery } from "@/api/billing";
import { paymentMethodsQuery } from "@/api/payments";
import type { PlanOffer, Subscription } from "@/api/types";
import { dateOf } from "@/lib/format";
import { useNamed } from "@/lib/useNamed";
import { useOnce } from "@/lib/useOnce";
import { useOrg } from "@/lib/useOrg";
import { ConfirmDialog } from "@/ui/ConfirmDialog";
import { QueryView } from "@/ui/QueryView";
import { PlanCosts } from "./PlanCosts";
import { useCardName } from "./payments/useCardName";
import { draftOf, mustBePaid, standingOf } from "./planChoice";
import { useBillingDay } from "./useBillingDay";
import { useCheckout } from "./useCheckout";

type Props = { plan: PlanOffer; subscription: Subscription; onClose: () => void };

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
  const { day } = useBillingDay();
  const named = useNamed();
  const keeps = standingOf(plan.code, subscription) === "keep";
  const draft = draftOf(plan, subscription);
  const payment = usePayment(plan, subscription);
  const preview = useQuery({ ...planPreviewQuery(org, draft), enabled: !keeps });
  const checkout = useCheckout();
  const change = useOnce({
    mutationFn: (draft: PlanDraft) => planChange(org, draft),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: [org.id] });
      onClose();
    },
  });
  const confirm = () =>
    payment.byCheckout ? checkout.go({ purpose: "plan", ...draft }) : change.mutate(draft);
  const values = { plan: named(plan.name), date: day(subscription.current_period.ends_at) };
  const text = preview.data && dateOf(preview.data.starts_at) > new Date() ? "later" : "now";
  return (
    <ConfirmDialog
      opened
      onClose={onClose}
      onConfirm={confirm}
      title={t(keeps ? "change.keepTitle" : "change.title", values)}
      text={t(`change.${keeps ? "keep" : text}`, values)}
      confirm={t(payment.byCheckout ? "change.toCard" : "change.confirm")}
      busy={change.isPending || checkout.busy || !payment.ready || preview.isLoading}
      error={change.error ?? checkout.error}
      danger={false}
    >
      {keeps ? null : (
        <QueryView query={preview}>{(found) => <PlanCosts preview={found} />}</QueryView>
      )}
      {payment.wanted && payment.ready ? <Text size="sm">{payment.text}</Text> : null}
    </ConfirmDialog>
  );
};
