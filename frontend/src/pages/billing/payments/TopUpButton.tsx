import { Button } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { useCan } from "@/lib/useOrg";
import { TopUpDialog } from "./TopUpDialog";

/** `?topUp=true` opens its dialog: where the balance was too small, that is the way here. */
export const TopUpButton = () => {
  const { t } = useTranslation("payments");
  const { topUp } = useSearch({ from: "/o/$org" });
  const allowed = useCan("money");
  const [opened, dialog] = useDisclosure(topUp === true);
  if (!allowed) return null;
  return (
    <>
      <Button onClick={dialog.open}>{t("topUp.open")}</Button>
      <TopUpDialog opened={opened} onClose={dialog.close} />
    </>
  );
};
