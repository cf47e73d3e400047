import { Stack } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { invoicesQuery } from "@/api/invoices";
import type { Invoice } from "@/api/types";
import { useCoins } from "@/lib/useCoins";
import { useFormat } from "@/lib/useFormat";
import { useCan, useOrg } from "@/lib/useOrg";
import { type Column, DataTable } from "@/ui/DataTable";
import { EmptyState } from "@/ui/EmptyState";
import { LinkAnchor, LinkButton } from "@/ui/links";
import { StatusBadge } from "@/ui/StatusBadge";
import { BillingFrame } from "../BillingFrame";
import { Paged } from "../Paged";
import { standingOf } from "./standing";
import { UpcomingPanel } from "./UpcomingPanel";

const useColumns = (): Column<Invoice>[] => {
  const { t } = useTranslation("invoices");
  const format = useFormat();
  const coins = useCoins();
  const org = useOrg();
  return [
    {
      key: "number",
      title: t("number"),
      cell: (row) => (
        <LinkAnchor
          to="/o/$org/billing/invoices/$invoiceId"
          params={{ org: org.slug, invoiceId: row.id }}
          fw={600}
        >
          {row.number}
        </LinkAnchor>
      ),
    },
    { key: "kind", title: t("kind"), wide: true, cell: (row) => t(`kinds.${row.kind}`) },
    {
      key: "issued",
      title: t("issued"),
      wide: true,
      cell: (row) => format.date(row.issued_at),
    },
    {
      key: "total",
      title: t("total"),
      numeric: true,
      cell: (row) => coins(row.total, row.currency),
    },
    {
      key: "status",
      title: t("status"),
      cell: (row) => (
        <StatusBadge status={standingOf(row)} label={t(`standings.${standingOf(row)}`)} />
      ),
    },
  ];
};

const List = () => {
  const { t } = useTranslation("invoices");
  const org = useOrg();
  const invoices = useInfiniteQuery(invoicesQuery(org));
  const columns = useColumns();
  return (
    <Paged
      query={invoices}
      empty={
        <EmptyState
          title={t("empty.title")}
          text={t("empty.text")}
          action={
            <LinkButton to="/o/$org/billing/plans" params={{ org: org.slug }}>
              {t("empty.action")}
            </LinkButton>
          }
        />
      }
    >
      {(rows) => (
        <DataTable caption={t("title")} columns={columns} rows={rows} rowKey={(row) => row.id} />
      )}
    </Paged>
  );
};

/** What was asked for, and what the period under way comes to. */
export const InvoicesPage = () => {
  const { t } = useTranslation("invoices");
  const allowed = useCan("money");
  return (
    <BillingFrame title={t("title")} lead={t("lead")}>
      {allowed ? (
        <Stack gap="lg">
          <UpcomingPanel />
          <List />
        </Stack>
      ) : null}
    </BillingFrame>
  );
};
