import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { InvoicePayment, InvoiceWhole } from "@/api/types";
import { useCoins } from "@/lib/useCoins";
import { useFormat } from "@/lib/useFormat";
import { type Column, DataTable } from "@/ui/DataTable";
import { Panel } from "@/ui/Panel";

const useColumns = (currency: string): Column<InvoicePayment>[] => {
  const { t } = useTranslation("invoices");
  const format = useFormat();
  const coins = useCoins();
  return [
    { key: "when", title: t("received.when"), cell: (one) => format.dateTime(one.booked_at) },
    {
      key: "how",
      title: t("received.how"),
      wide: true,
      cell: (one) => t(one.payment ? "received.card" : "received.other"),
    },
    {
      key: "amount",
      title: t("lines.amount"),
      numeric: true,
      cell: (one) => (
        <>
          {coins(one.amount, currency)}
          {Number(one.excess) > 0 ? (
            <Text size="sm" c="dimmed">
              {t("received.excess", { amount: coins(one.excess, currency) })}
            </Text>
          ) : null}
        </>
      ),
    },
  ];
};

/** The money that came for it, and what was taken back. */
export const Received = ({ invoice }: { invoice: InvoiceWhole }) => {
  const { t } = useTranslation("invoices");
  const columns = useColumns(invoice.currency);
  if (invoice.payments.length === 0) return null;
  return (
    <Panel title={t("received.title")}>
      <DataTable
        caption={t("received.title")}
        columns={columns}
        rows={invoice.payments}
        rowKey={(one) => `${one.payment} ${one.booked_at} ${one.amount}`}
      />
    </Panel>
  );
};
