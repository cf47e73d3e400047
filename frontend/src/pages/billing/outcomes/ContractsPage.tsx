import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { contractsQuery } from "@/api/outcomes";
import { useFormat } from "@/lib/useFormat";
import { useCan, useOrg } from "@/lib/useOrg";
import { type Column, DataTable } from "@/ui/DataTable";
import { EmptyState } from "@/ui/EmptyState";
import { LinkAnchor, LinkButton } from "@/ui/links";
import { QueryView } from "@/ui/QueryView";
import { StatusBadge } from "@/ui/StatusBadge";
import { BillingFrame } from "../BillingFrame";
import type { Contract } from "../payments.types";

const useColumns = (): Column<Contract>[] => {
  const { t } = useTranslation("contracts");
  const format = useFormat();
  const org = useOrg();
  return [
    {
      key: "kind",
      title: t("columns.contract"),
      cell: (row) => (
        <LinkAnchor
          to="/o/$org/billing/outcomes/$contractId"
          params={{ org: org.slug, contractId: row.id }}
          fw={600}
        >
          {t(`kinds.${row.terms.kind}.name`)}
        </LinkAnchor>
      ),
    },
    { key: "subject", title: t("columns.subject"), cell: (row) => row.subject },
    {
      key: "price",
      title: t("columns.price"),
      numeric: true,
      cell: (row) => format.money(row.terms.price, row.terms.currency),
    },
    {
      key: "accepted",
      title: t("columns.accepted"),
      wide: true,
      cell: (row) => format.date(row.accepted_at),
    },
    {
      key: "status",
      title: t("columns.status"),
      cell: (row) => <StatusBadge status={row.status} label={t(`status.${row.status}`)} />,
    },
  ];
};

/** What is paid by its result, and how it stands. */
export const ContractsPage = () => {
  const { t } = useTranslation("contracts");
  const org = useOrg();
  const contracts = useQuery({ ...contractsQuery(org), enabled: useCan("money") });
  const columns = useColumns();
  const begin = (
    <LinkButton to="/o/$org/billing/outcomes/new" params={{ org: org.slug }}>
      {t("new.open")}
    </LinkButton>
  );
  const filled = (contracts.data?.data.length ?? 0) > 0;
  return (
    <BillingFrame title={t("title")} lead={t("lead")} action={filled ? begin : null}>
      <QueryView query={contracts}>
        {({ data }) =>
          data.length === 0 ? (
            <EmptyState title={t("empty.title")} text={t("empty.text")} action={begin} />
          ) : (
            <DataTable
              caption={t("title")}
              columns={columns}
              rows={data}
              rowKey={(row) => row.id}
            />
          )
        }
      </QueryView>
    </BillingFrame>
  );
};
