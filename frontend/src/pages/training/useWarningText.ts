import { useTranslation } from "react-i18next";
import { ApiError } from "@/api/errors";
import type { JobWarning } from "@/api/types";
import { useErrorText } from "@/lib/useErrorText";
import { useKnown } from "@/lib/useKnown";
import { warningValues } from "./warnings";

/** A warning in the reader's language; one that this page does not know keeps the server's words. */
export const useWarningText = () => {
  const { i18n } = useTranslation("training");
  const known = useKnown("training");
  const errorText = useErrorText();
  return ({ code, message, data }: JobWarning): string => {
    const values = warningValues({ data }, i18n.language);
    const refused = String(data.reason ?? "");
    const reason = errorText(new ApiError({ status: 402, code: refused, message: "" })).text;
    return known("warnings", code, { ...values, reason }) ?? message;
  };
};
