import { Text } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { paymentsQuery } from "@/api/payments";
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
import type { Payment } from "../payments.types";
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

const useColumns = (): Column<Payment>[] => {
  const { t } = useTranslation("payments");
  const format = useFormat();
  const coins = useCoins();
  const cardName = useCardName();
  const org = useOrg();
  return [
    { key: "when", title: t("list.when"), cell: (row) => format.dateTime(row.created_at) },
    {
      key: "what",
      title: t("list.what"),
      wide: true,
      cell: (row) =>
        row.invoice ? (
          <LinkAnchor
            to="/o/$org/billing/invoices/$invoiceId"
            params={{ org: org.slug, invoiceId: row.invoice }}
          >
            {t(`list.purposes.${row.purpose}`)}
          </LinkAnchor>
        ) : (
          t(`list.purposes.${row.purpose}`)
        ),
    },
    {
      key: "card",
      title: t("list.card"),
      wide: true,
      cell: ({ brand, last4 }) => (brand && last4 ? cardName({ brand, last4 }) : "–"),
    },
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
