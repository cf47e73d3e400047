import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { contractsQuery } from "@/api/outcomes";
import type { Contract } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { useNamed } from "@/lib/useNamed";
import { useCan, useOrg } from "@/lib/useOrg";
import { type Column, DataTable } from "@/ui/DataTable";
import { EmptyState } from "@/ui/EmptyState";
import { LinkAnchor, LinkButton } from "@/ui/links";
import { QueryView } from "@/ui/QueryView";
import { BillingFrame } from "../BillingFrame";
import { ContractStatus } from "./ContractStatus";
import { useSubjectName } from "./useSubjects";

const useColumns = (): Column<Contract>[] => {
  const { t } = useTranslation("contracts");
  const format = useFormat();
  const named = useNamed();
  const subjectName = useSubjectName();
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
          {named(row.terms.name)}
        </LinkAnchor>
      ),
    },
    { key: "subject", title: t("columns.subject"), cell: (row) => subjectName(row.subject) },
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
      cell: (row) => <ContractStatus contract={row} />,
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
