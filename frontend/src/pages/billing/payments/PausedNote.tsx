import { Alert } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { AutoTopUp } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { useKnown } from "@/lib/useKnown";
import { useOrg } from "@/lib/useOrg";
import { LinkAnchor } from "@/ui/links";

const CAUSES = new Set([
  "currency_mismatch",
  "daily_cap",
  "dispute_lost",
  "operator",
  "payment_method_required",
]);
/** What no time ends, but somebody. */
const STOPPED = new Set(["operator", "dispute_lost"]);

type Props = { kept: AutoTopUp; linked?: boolean };

/** Why nothing is bought though little is left, and how to go on. */
export const PausedNote = ({ kept, linked = false }: Props) => {
  const { t } = useTranslation("payments");
  const known = useKnown("payments");
  const format = useFormat();
  const org = useOrg();
  const { enabled, paused, paused_until: until } = kept;
  if (!paused || !(STOPPED.has(paused) || (enabled && until))) return null;
  return (
    <Alert
      color="straw"
      variant="light"
      title={
        until && !STOPPED.has(paused)
          ? t("auto.paused.title", { date: format.dateTime(until) })
          : t("auto.paused.stopped")
      }
    >
      {CAUSES.has(paused)
        ? known("auto.paused", paused)
        : t("auto.paused.declined", {
            reason: known("declines", paused) ?? t("declines.generic_decline"),
          })}{" "}
      {linked ? (
        <LinkAnchor
          inherit
          underline="always"
          to="/o/$org/billing/methods"
          params={{ org: org.slug }}
        >
          {t("methods.title")}
        </LinkAnchor>
      ) : null}
    </Alert>
  );
};
