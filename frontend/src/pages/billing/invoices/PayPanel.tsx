import { Alert, Button, Group, Stack, Text } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { invoicePay } from "@/api/invoices";
import { paymentMethodsQuery } from "@/api/payments";
import type { Invoice } from "@/api/types";
import { useCoins } from "@/lib/useCoins";
import { useOnce } from "@/lib/useOnce";
import { useOrg } from "@/lib/useOrg";
import { ErrorBox } from "@/ui/ErrorBox";
import { useCardName } from "../payments/useCardName";
import { useBillingDay } from "../useBillingDay";
import { useCheckout } from "../useCheckout";
import { standingOf } from "./standing";

/** What is due, to be paid with the saved card at once or with another one. */
export const PayPanel = ({ invoice }: { invoice: Invoice }) => {
  const { t } = useTranslation("invoices");
  const org = useOrg();
  const client = useQueryClient();
  const coins = useCoins();
  const { day } = useBillingDay();
  const cardName = useCardName();
  const methods = useQuery(paymentMethodsQuery(org));
  const checkout = useCheckout();
  const pay = useOnce({
    mutationFn: (draft: { invoice: string }) => invoicePay(org, draft),
    onSuccess: () => client.invalidateQueries({ queryKey: [org.id] }),
  });
  const card = methods.data?.data.find((one) => one.is_default);
  const late = standingOf(invoice) === "overdue";
  const due = coins(invoice.amount_due, invoice.currency);
  return (
    <Alert
      variant="light"
      color={late ? "red" : "steel"}
      role="note"
      title={t("pay.title", { due })}
    >
      <Stack gap="sm">
        <Text size="sm">{t(late ? "pay.late" : "pay.until", { date: day(invoice.due_at) })}</Text>
        <ErrorBox error={pay.error ?? checkout.error} />
        <Group gap="sm">
          {card ? (
            <Button loading={pay.isPending} onClick={() => pay.mutate({ invoice: invoice.id })}>
              {t("pay.withCard", { card: cardName(card) })}
            </Button>
          ) : null}
          <Button
            variant={card ? "default" : "filled"}
            loading={checkout.busy}
            disabled={methods.isPending}
            onClick={() => checkout.go({ purpose: "invoice", invoice: invoice.id })}
          >
            {t(card ? "pay.otherCard" : "pay.open")}
          </Button>
        </Group>
      </Stack>
    </Alert>
  );
};
