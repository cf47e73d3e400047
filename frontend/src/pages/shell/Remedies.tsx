import { Group } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { ApiError } from "@/api/errors";
import { type Remedy, remediesOf } from "@/lib/remedies";
import { useCan, useOrg } from "@/lib/useOrg";
import { LinkAnchor } from "@/ui/links";

const PLACES = {
  topUp: "/o/$org/billing",
  plans: "/o/$org/billing/plans",
  budgets: "/o/$org/billing/budgets",
  methods: "/o/$org/billing/methods",
  keys: "/o/$org/keys",
} as const satisfies Record<Remedy, string>;

/** The ways out of a refusal, for those who may go them. */
export const Remedies = ({ of }: { of: readonly Remedy[] }) => {
  const { t } = useTranslation("billing");
  const org = useOrg();
  const allowed = { keys: useCan("keys"), money: useCan("money") };
  const shown = of.filter((one) => (one === "keys" ? allowed.keys : allowed.money));
  if (shown.length === 0) return null;
  return (
    <Group mt="xs" gap="md">
      {shown.map((one) => (
        <LinkAnchor
          key={one}
          to={PLACES[one]}
          params={{ org: org.slug }}
          search={one === "topUp" ? { topUp: true } : {}}
          size="sm"
        >
          {t(`remedies.${one}`)}
        </LinkAnchor>
      ))}
    </Group>
  );
};

export const remedy = (error: ApiError) => <Remedies of={remediesOf(error)} />;
