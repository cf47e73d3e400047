import { useTranslation } from "react-i18next";
import { LinkButton } from "@/ui/links";
import { Message } from "./Message";

export const NotFoundPage = () => {
  const { t } = useTranslation("errors");
  return (
    <Message title={t("notFound.title")} text={t("notFound.text")}>
      <LinkButton to="/o">{t("notFound.action")}</LinkButton>
    </Message>
  );
};
