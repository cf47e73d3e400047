import { SegmentedControl, Stack, Text } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { invoicesQuery } from "@/api/invoices";
import { paymentMethodsQuery } from "@/api/payments";
import type { Invoice } from "@/api/types";
import { useCoins } from "@/lib/useCoins";
import { useCan, useOrg } from "@/lib/useOrg";
import { type Column, DataTable } from "@/ui/DataTable";
import { EmptyState } from "@/ui/EmptyState";
import { LinkAnchor, LinkButton } from "@/ui/links";
import { StatusBadge } from "@/ui/StatusBadge";
import { BillingFrame } from "../BillingFrame";
import { Paged } from "../Paged";
import { useBillingDay } from "../useBillingDay";
import { standingOf } from "./standing";
import { UpcomingPanel } from "./UpcomingPanel";

const useColumns = (): Column<Invoice>[] => {
  const { t } = useTranslation("invoices");
  const { day } = useBillingDay();
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
      cell: (row) => day(row.issued_at),
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

const SHOWN = ["all", "open", "paid"] as const;

const None = () => {
  const { t } = useTranslation("invoices");
  const org = useOrg();
  return (
    <EmptyState
      title={t("empty.title")}
      text={t("empty.text")}
      action={
        <LinkButton to="/o/$org/billing/plans" params={{ org: org.slug }}>
          {t("empty.action")}
        </LinkButton>
      }
    />
  );
};

const List = () => {
  const { t } = useTranslation("invoices");
  const [shown, setShown] = useState<(typeof SHOWN)[number]>("all");
  const status = shown === "all" ? undefined : shown;
  const org = useOrg();
  const methods = useQuery(paymentMethodsQuery(org));
  const card = methods.data?.data.some((one) => one.is_default) ?? false;
  const invoices = useInfiniteQuery(invoicesQuery(org, status, card));
  const columns = useColumns();
  const hasNone = !status && invoices.data?.data.length === 0;
  return (
    <Stack gap="sm">
      {hasNone ? null : (
        <div>
          <SegmentedControl
            aria-label={t("shown")}
            size="xs"
            value={shown}
            onChange={(value) => setShown(value as typeof shown)}
            data={SHOWN.map((value) => ({ value, label: t(`standings.${value}`) }))}
          />
        </div>
      )}
      <Paged
        query={invoices}
        empty={status ? <Text c="dimmed">{t("noneOfStatus")}</Text> : <None />}
      >
        {(rows) => (
          <DataTable caption={t("title")} columns={columns} rows={rows} rowKey={(row) => row.id} />
        )}
      </Paged>
    </Stack>
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
