import { Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { Message } from "./Message";

export const NotFoundPage = () => {
  const { t } = useTranslation("errors");
  return (
    <Message title={t("notFound.title")} text={t("notFound.text")}>
      <Button component={Link} to="/o">
        {t("notFound.action")}
      </Button>
    </Message>
  );
};
