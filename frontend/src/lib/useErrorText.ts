/** Errors in the reader's language: known codes have their own sentence, the rest keep the server's. */
import { useCallback } from "react";
import { useTranslation } from "react-i18next";
import { isApiError } from "@/api/errors";

export type ErrorText = { title: string; text: string };

const RETRY_SECONDS = 60;

type Untyped = (key: string, values: Record<string, unknown>) => string;

export const useErrorText = () => {
  const { t, i18n } = useTranslation("errors");
  return useCallback(
    (error: unknown): ErrorText => {
      const title = t("title");
      if (!isApiError(error)) return { title, text: t("page") };
      const key = `codes.${error.code}`;
      const known: boolean = i18n.exists(key, { ns: "errors" });
      if (known) {
        const values = { seconds: error.retryAfter ?? RETRY_SECONDS, message: error.message };
        return { title, text: (t as unknown as Untyped)(key, values) };
      }
      const family = error.status >= 500 ? t("codes.server_error") : t("page");
      return { title, text: error.message || family };
    },
    [t, i18n],
  );
};
