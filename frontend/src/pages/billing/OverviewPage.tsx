import { SimpleGrid, Stack } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { BalancePanel } from "../usage/BalancePanel";
import { BillingFrame } from "./BillingFrame";
import { CodesPanel } from "./CodesPanel";
import { GrantsPanel } from "./GrantsPanel";
import { PlanPanel } from "./PlanPanel";
import { TopUpButton } from "./payments/TopUpButton";

/** The plan, what is left and of what it consists, and codes. */
export const OverviewPage = () => {
  const { t } = useTranslation("billing");
  return (
    <BillingFrame title={t("title")} lead={t("lead")} action={<TopUpButton />}>
      <Stack gap="lg">
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
