import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { grantsQuery } from "@/api/billing";
import type { Grant } from "@/api/types";
import { dateOf } from "@/lib/format";
import { useFormat } from "@/lib/useFormat";
import { useKnown } from "@/lib/useKnown";
import { useOrg } from "@/lib/useOrg";
import { type Column, DataTable } from "@/ui/DataTable";
import { Panel } from "@/ui/Panel";
import { QueryView } from "@/ui/QueryView";
import { useMeterName } from "../usage/useMeterName";

const useColumns = (): Column<Grant>[] => {
  const { t } = useTranslation("billing");
  const format = useFormat();
  const known = useKnown("billing");
  const meterName = useMeterName();
  const until = (grant: Grant): string => {
    if (dateOf(grant.effective_at) > new Date()) {
      return t("grants.from", { date: format.date(grant.effective_at) });
    }
    return grant.expires_at ? format.date(grant.expires_at) : t("grants.noEnd");
  };
  return [
    { key: "unit", title: t("grants.unit"), cell: (grant) => meterName(grant.unit) },
    {
      key: "kind",
      title: t("grants.kind"),
      wide: true,
      cell: (grant) => known("kinds", grant.kind) ?? grant.kind,
    },
    {
      key: "left",
      title: t("grants.left"),
      numeric: true,
      cell: (grant) => format.units(grant.available, grant.unit),
    },
    {
      key: "given",
      title: t("grants.given"),
      numeric: true,
      wide: true,
      cell: (grant) => format.units(grant.amount, grant.unit),
    },
    { key: "until", title: t("grants.until"), cell: until },
  ];
};

/** Of what the balances consist, in the order in which it is spent. */
export const GrantsPanel = () => {
  const { t } = useTranslation("billing");
  const grants = useQuery(grantsQuery(useOrg()));
  const columns = useColumns();
  return (
    <Panel title={t("grants.title")}>
      <QueryView query={grants}>
        {({ data }) =>
          data.length === 0 ? (
            <Text c="dimmed" size="sm">
              {t("grants.none")}
            </Text>
          ) : (
            <>
              <DataTable
                caption={t("grants.title")}
                columns={columns}
                rows={data}
                rowKey={(grant) => grant.id}
              />
              <Text size="sm" c="dimmed" mt="sm">
                {t("grants.order")}
              </Text>
            </>
          )
        }
      </QueryView>
    </Panel>
  );
};
