/** Errors in the reader's language: known codes have their own sentence, the rest keep the server's. */
import { useCallback } from "react";
import { useTranslation } from "react-i18next";
import { isApiError } from "@/api/errors";

export type ErrorText = { title: string; text: string };

const RETRY_SECONDS = 60;
/** What a visitor can meet, and what signed-in pages alone can, whose texts come with them. */
const PLACES = ["errors", "refusals"] as const;

type Untyped = (key: string, values: Record<string, unknown>) => string;

export const useErrorText = () => {
  const { t, i18n } = useTranslation(["errors", "refusals"]);
  return useCallback(
    (error: unknown): ErrorText => {
      const title = t("title");
      if (!isApiError(error)) return { title, text: t("page") };
      const key = `codes.${error.code}`;
      const ns = PLACES.find((each) => i18n.exists(key, { ns: each }));
      if (ns) {
        const seconds = error.retryAfter ?? RETRY_SECONDS;
        const values = { ns, seconds, message: error.message };
        return { title, text: (t as unknown as Untyped)(key, values) };
      }
      const family = error.status >= 500 ? t("codes.server_error") : t("page");
      return { title, text: error.message || family };
    },
    [t, i18n],
  );
};
