/** Errors in the reader's language: known codes have their own sentence, the rest keep the server's. */
import { useCallback } from "react";
import { useTranslation } from "react-i18next";
import { isApiError } from "@/api/errors";

export type ErrorText = { title: string; text: string };

export const useErrorText = () => {
  const { t, i18n } = useTranslation("errors");
  return useCallback(
    (error: unknown): ErrorText => {
      if (!isApiError(error)) return { title: t("title"), text: t("page") };
      const known = `codes.${error.code}` as "codes.network";
      const seconds = error.retryAfter ?? 60;
      if (!i18n.exists(known, { ns: "errors" })) {
        const family = error.status >= 500 ? t("codes.server_error") : t("page");
        return { title: t("title"), text: error.message || family };
      }
      return { title: t("title"), text: t(known, { seconds, message: error.message }) };
    },
    [t, i18n],
  );
};
