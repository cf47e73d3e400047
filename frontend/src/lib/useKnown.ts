/** Names of things the server may extend: a known code has a text, an unknown one shows as it is. */
import { useCallback } from "react";
import { useTranslation } from "react-i18next";

type Namespace =
  | "bases"
  | "billing"
  | "common"
  | "contracts"
  | "datasets"
  | "deployments"
  | "errors"
  | "evaluation"
  | "invoices"
  | "models"
  | "payments"
  | "pricing"
  | "training"
  | "usage"
  | "webhooks";
type Untyped = (key: string, values: Record<string, unknown>) => string;

export const useKnown = (namespace: Namespace) => {
  const { i18n } = useTranslation(namespace);
  return useCallback(
    (
      group: string,
      code: string | null | undefined,
      values: Record<string, unknown> = {},
    ): string | undefined => {
      const key = `${group}.${code}`;
      const exists: boolean = i18n.exists(key, { ns: namespace });
      return exists
        ? (i18n.getFixedT(i18n.language, namespace) as unknown as Untyped)(key, values)
        : undefined;
    },
    [i18n, namespace],
  );
};
