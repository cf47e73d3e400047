import { Alert, Loader, Stack, Text } from "@mantine/core";
import { IconCircleCheck } from "@tabler/icons-react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { checkoutQuery } from "@/api/payments";
import type { Checkout } from "@/api/types";
import { useCoins } from "@/lib/useCoins";
import { useOrg } from "@/lib/useOrg";
import { LinkAnchor, LinkButton } from "@/ui/links";
import { Panel } from "@/ui/Panel";
import { QueryView } from "@/ui/QueryView";
import { BalancePanel } from "../../usage/BalancePanel";
import { BillingFrame } from "../BillingFrame";
import { useCheckoutName } from "./useCheckoutName";

/** Where each purpose shows what came of it. */
const NEXT = {
  top_up: "/o/$org/billing",
  plan: "/o/$org/billing/plans",
  payment_method: "/o/$org/billing/methods",
  invoice: "/o/$org/billing/invoices",
} as const satisfies Record<Checkout["purpose"], string>;
/** Longer than providers usually take to tell of a payment. */
const PATIENCE_MS = 30_000;

/** Whether it takes longer than usual. */
const useImpatience = (): boolean => {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setOver(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, []);
  return over;
};

const Waiting = ({ checkout }: { checkout: Checkout }) => {
  const { t } = useTranslation("payments");
  const late = useImpatience();
  return (
    <Panel title={t("return.waiting")}>
      <Stack role="status">
        {late ? null : <Loader size="sm" />}
        <Text>{t(late ? "return.late" : "return.soon")}</Text>
        {late && checkout.url ? (
          <Text size="sm">
            <a href={checkout.url}>{t("return.resume")}</a>
          </Text>
        ) : null}
      </Stack>
    </Panel>
  );
};

const Done = ({ checkout }: { checkout: Checkout }) => {
  const { t } = useTranslation("payments");
  const org = useOrg();
  const client = useQueryClient();
  const coins = useCoins();
  const { purpose, amount, currency, id, invoice } = checkout;
  const name = useCheckoutName()(checkout);
  // What was paid for is elsewhere in the cache as it was before.
  useEffect(() => {
    void client.invalidateQueries({
      predicate: ({ queryKey }) => queryKey[0] === org.id && queryKey[2] !== id,
    });
  }, [client, org.id, id]);
  return (
    <Stack gap="lg">
      <Alert variant="light" icon={<IconCircleCheck />} title={name} role="status">
        {t(`return.done.${purpose}`, { amount: amount && currency ? coins(amount, currency) : "" })}
      </Alert>
      {purpose === "top_up" ? <BalancePanel linked={false} /> : null}
      <div>
        <LinkButton to={NEXT[purpose]} params={{ org: org.slug }}>
          {t(`return.next.${purpose}`)}
        </LinkButton>
      </div>
      {invoice ? (
        <LinkAnchor
          to="/o/$org/billing/invoices/$invoiceId"
          params={{ org: org.slug, invoiceId: invoice }}
        >
          {t("return.invoice")}
        </LinkAnchor>
      ) : null}
    </Stack>
  );
};

const Ended = () => {
  const { t } = useTranslation("payments");
  const org = useOrg();
  return (
    <Panel title={t("return.expired.title")}>
      <Text mb="md">{t("return.expired.text")}</Text>
      <LinkButton to="/o/$org/billing" params={{ org: org.slug }} variant="default">
        {t("return.expired.action")}
      </LinkButton>
    </Panel>
  );
};

const VIEWS = { open: Waiting, complete: Done, expired: Ended } as const;

/** Back from paying: waits until the provider has told us, and says what happened. */
export const ReturnPage = () => {
  const { t } = useTranslation("payments");
  const { checkout: id = "" } = useSearch({ from: "/o/$org" });
  const checkout = useQuery(checkoutQuery(useOrg(), id, true));
  return (
    <BillingFrame title={t("return.title")}>
      <QueryView query={checkout}>
        {(data) => {
          const View = VIEWS[data.status];
          return <View checkout={data} />;
        }}
      </QueryView>
    </BillingFrame>
  );
};
