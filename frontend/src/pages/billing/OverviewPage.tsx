import { SimpleGrid, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { autoTopUpQuery } from "@/api/payments";
import { useCan, useOrg } from "@/lib/useOrg";
import { BalancePanel } from "../usage/BalancePanel";
import { BillingFrame } from "./BillingFrame";
import { CodesPanel } from "./CodesPanel";
import { GrantsPanel } from "./GrantsPanel";
import { PlanPanel } from "./PlanPanel";
import { PausedNote } from "./payments/PausedNote";
import { TopUpButton } from "./payments/TopUpButton";

/** The plan, what is left and of what it consists, and codes. */
export const OverviewPage = () => {
  const { t } = useTranslation("billing");
  const topUp = useQuery({ ...autoTopUpQuery(useOrg()), enabled: useCan("money") });
  return (
    <BillingFrame title={t("title")} lead={t("lead")} action={<TopUpButton />}>
      <Stack gap="lg">
        {topUp.data ? <PausedNote kept={topUp.data} linked /> : null}
        <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
          <PlanPanel />
          <BalancePanel linked={false} />
        </SimpleGrid>
        <GrantsPanel />
        <CodesPanel />
      </Stack>
    </BillingFrame>
  );
};
