import { Button } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useLogOut } from "@/lib/useLogOut";
import { Message } from "./Message";

/** Signed in, but removed from every organization. */
export const NoOrganizationPage = () => {
  const { t } = useTranslation(["errors", "common"]);
  const logOut = useLogOut();
  return (
    <Message title={t("noOrganization.title")} text={t("noOrganization.text")}>
      <Button onClick={() => logOut.mutate()}>{t("common:logOut")}</Button>
    </Message>
  );
};
