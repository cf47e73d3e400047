import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { noticesQuery } from "@/api/billing";
import type { Notice } from "@/api/types";
import { noticesSorted } from "@/lib/notices";
import { useFormat } from "@/lib/useFormat";
import { useCan, useOrg } from "@/lib/useOrg";
import { type Column, DataTable } from "@/ui/DataTable";
import { EmptyState } from "@/ui/EmptyState";
import { LinkAnchor, LinkButton } from "@/ui/links";
import { QueryView } from "@/ui/QueryView";
import { BillingFrame } from "./BillingFrame";
import { useNoticeText } from "./useNoticeText";

const useColumns = (): Column<Notice>[] => {
  const { t } = useTranslation("billing");
  const format = useFormat();
  const org = useOrg();
  const noticeText = useNoticeText();
  return [
    {
      key: "what",
      title: t("notices.what"),
      cell: (notice) => (
        <>
          <Text fw={600}>{noticeText(notice).title}</Text>
          <Text size="sm" c="dimmed">
            {noticeText(notice).text}
          </Text>
        </>
      ),
    },
    {
      key: "when",
      title: t("notices.when"),
      wide: true,
      cell: (notice) => format.dateTime(notice.reached_at),
    },
    {
      key: "help",
      title: t("notices.do"),
      cell: (notice) =>
        notice.budget ? (
          <LinkAnchor to="/o/$org/billing/budgets" params={{ org: org.slug }}>
            {t("notices.toBudgets")}
          </LinkAnchor>
        ) : (
          <LinkAnchor to="/o/$org/billing" params={{ org: org.slug }}>
            {t("notices.toBalance")}
          </LinkAnchor>
        ),
    },
  ];
};

/** Which thresholds were reached, newest first. */
export const NoticesPage = () => {
  const { t } = useTranslation("billing");
  const org = useOrg();
  const notices = useQuery({ ...noticesQuery(org), enabled: useCan("money") });
  const columns = useColumns();
  return (
    <BillingFrame title={t("notices.title")} lead={t("notices.lead")}>
      <QueryView query={notices}>
        {({ data, has_more }) =>
          data.length === 0 ? (
            <EmptyState
              title={t("notices.empty.title")}
              text={t("notices.empty.text")}
              action={
                <LinkButton to="/o/$org/billing/budgets" params={{ org: org.slug }}>
                  {t("notices.empty.action")}
                </LinkButton>
              }
            />
          ) : (
            <>
              <DataTable
                caption={t("notices.title")}
                columns={columns}
                rows={noticesSorted(data)}
                rowKey={(notice) => notice.id}
              />
              {has_more ? (
                <Text size="sm" c="dimmed" mt="sm">
                  {t("notices.newest", { count: data.length })}
                </Text>
              ) : null}
            </>
          )
        }
      </QueryView>
    </BillingFrame>
  );
};
