import { Button } from "@mantine/core";
import type { ErrorComponentProps } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { useErrorText } from "@/lib/useErrorText";
import { Message } from "./Message";

export const ErrorPage = ({ error, reset }: ErrorComponentProps) => {
  const { t } = useTranslation();
  const { title, text } = useErrorText()(error);
  return (
    <Message title={title} text={text}>
      <Button onClick={reset}>{t("retry")}</Button>
    </Message>
  );
};
