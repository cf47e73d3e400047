import { Stack } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { BillingFrame } from "../BillingFrame";
import { AutoTopUpPanel } from "./AutoTopUpPanel";
import { CardsPanel } from "./CardsPanel";
import { ProfilePanel } from "./ProfilePanel";

/** With what is paid, when by itself, and to whom invoices are written. */
export const MethodsPage = () => {
  const { t } = useTranslation("payments");
  return (
    <BillingFrame title={t("methods.title")} lead={t("methods.lead")}>
      <Stack gap="lg">
        <CardsPanel />
        <AutoTopUpPanel />
        <ProfilePanel />
      </Stack>
    </BillingFrame>
  );
};
