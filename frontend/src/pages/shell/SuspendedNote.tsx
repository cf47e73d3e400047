import { Alert } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { organizationQuery } from "@/api/account";
import { isApiError } from "@/api/errors";
import { useOrg } from "@/lib/useOrg";

/** A suspended organization says so on every page. */
export const SuspendedNote = () => {
  const { t } = useTranslation("app");
  const organization = useQuery(organizationQuery(useOrg()));
  const refused =
    isApiError(organization.error) && organization.error.code === "organization_suspended";
  if (!refused && !organization.data?.suspended) return null;
  return (
    <Alert color="red" variant="light" mb="lg" title={t("suspended.title")} role="alert">
      {t("suspended.text")}
    </Alert>
  );
};
