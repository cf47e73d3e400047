import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { upcomingQuery } from "@/api/invoices";
import { useOrg } from "@/lib/useOrg";
import { Panel } from "@/ui/Panel";
import { QueryView } from "@/ui/QueryView";
import { useBillingDay } from "../useBillingDay";
import { Lines } from "./Lines";

/** What the next invoice would ask for as of now. */
export const UpcomingPanel = () => {
  const { t } = useTranslation("invoices");
  const { day } = useBillingDay();
  const upcoming = useQuery(upcomingQuery(useOrg()));
  return (
    <Panel title={t("upcoming.title")}>
      <QueryView query={upcoming}>
        {(bill) =>
          bill.lines.length === 0 ? (
            <Text c="dimmed">{t("upcoming.none")}</Text>
          ) : (
            <>
              <Text size="sm" c="dimmed" mb="sm">
                {t("upcoming.text", { date: day(bill.closes_at) })}
              </Text>
              <Lines bill={bill} caption={t("upcoming.title")} />
            </>
          )
        }
      </QueryView>
    </Panel>
  );
};
