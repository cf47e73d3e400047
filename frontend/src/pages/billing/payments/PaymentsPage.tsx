import { Text } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { paymentsQuery } from "@/api/payments";
import type { Payment } from "@/api/types";
import { useCoins } from "@/lib/useCoins";
import { useFormat } from "@/lib/useFormat";
import { useKnown } from "@/lib/useKnown";
import { useCan, useOrg } from "@/lib/useOrg";
import { type Column, DataTable } from "@/ui/DataTable";
import { EmptyState } from "@/ui/EmptyState";
import { LinkAnchor } from "@/ui/links";
import { StatusBadge } from "@/ui/StatusBadge";
import { BillingFrame } from "../BillingFrame";
import { Paged } from "../Paged";
import { TopUpButton } from "./TopUpButton";
import { useCardName } from "./useCardName";

/** Why a payment failed, in words; an unknown reason says that it was declined. */
const Status = ({ payment }: { payment: Payment }) => {
  const { t } = useTranslation("payments");
  const known = useKnown("payments");
  const { status, failure_code: code } = payment;
  return (
    <>
      <StatusBadge status={status} label={t(`list.statuses.${status}`)} />
      {status === "failed" && code ? (
        <Text size="sm" c="dimmed">
          {known("declines", code) ?? t("declines.generic_decline")}
        </Text>
      ) : null}
    </>
  );
};

/** What was paid for, with the way to its invoice. */
const Subject = ({ payment }: { payment: Payment }) => {
  const { t } = useTranslation("payments");
  const org = useOrg();
  const { invoice, invoice_number: number } = payment;
  const purpose = t(`list.purposes.${payment.purpose}`);
  if (!invoice) return <>{purpose}</>;
  return (
    <LinkAnchor
      inherit
      to="/o/$org/billing/invoices/$invoiceId"
      params={{ org: org.slug, invoiceId: invoice }}
    >
      {purpose} {number}
    </LinkAnchor>
  );
};

const Card = ({ payment: { brand, last4 } }: { payment: Payment }) => {
  const cardName = useCardName();
  return <>{brand && last4 ? cardName({ brand, last4 }) : "–"}</>;
};

const useColumns = (): Column<Payment>[] => {
  const { t } = useTranslation("payments");
  const format = useFormat();
  const coins = useCoins();
  return [
    {
      key: "when",
      title: t("list.when"),
      cell: (row) => (
        <>
          {format.dateTime(row.created_at)}
          <Text size="sm" c="dimmed" hiddenFrom="sm">
            <Subject payment={row} />
            {row.last4 ? " · " : null}
            {row.last4 ? <Card payment={row} /> : null}
          </Text>
        </>
      ),
    },
    {
      key: "what",
      title: t("list.what"),
      wide: true,
      cell: (row) => <Subject payment={row} />,
    },
    { key: "card", title: t("list.card"), wide: true, cell: (row) => <Card payment={row} /> },
    {
      key: "amount",
      title: t("list.amount"),
      numeric: true,
      cell: (row) => (
        <>
          {coins(row.amount, row.currency)}
          {Number(row.refunded) > 0 ? (
            <Text size="sm" c="dimmed">
              {t("list.refunded", { amount: coins(row.refunded, row.currency) })}
            </Text>
          ) : null}
        </>
      ),
    },
    { key: "status", title: t("list.status"), cell: (row) => <Status payment={row} /> },
  ];
};

/** What was paid, or could not be. */
export const PaymentsPage = () => {
  const { t } = useTranslation("payments");
  const payments = useInfiniteQuery({ ...paymentsQuery(useOrg()), enabled: useCan("money") });
  const columns = useColumns();
  return (
    <BillingFrame title={t("list.title")} lead={t("list.lead")} action={<TopUpButton />}>
      <Paged
        query={payments}
        empty={
          <EmptyState title={t("list.empty.title")} text={t("list.empty.text")} action={null} />
        }
      >
        {(rows) => (
          <DataTable
            caption={t("list.title")}
            columns={columns}
            rows={rows}
            rowKey={(row) => row.id}
          />
        )}
      </Paged>
    </BillingFrame>
  );
};
