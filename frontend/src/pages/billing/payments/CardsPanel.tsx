import { Button, Group, Stack, Text } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import {
  paymentMethodPrefer,
  paymentMethodRemove,
  paymentMethodsQuery,
  paymentSettingsQuery,
  portalOpen,
} from "@/api/payments";
import type { PaymentMethod } from "@/api/types";
import { useOrg } from "@/lib/useOrg";
import { ConfirmDialog } from "@/ui/ConfirmDialog";
import { ErrorBox } from "@/ui/ErrorBox";
import { Panel } from "@/ui/Panel";
import { QueryView } from "@/ui/QueryView";
import { StatusBadge } from "@/ui/StatusBadge";
import { useCheckout } from "../useCheckout";
import classes from "./Cards.module.css";
import { cardEnds, hasEnded } from "./cards";
import { useCardName } from "./useCardName";

/** What happens to a card; each of it is asked for again after. */
const useCardChange = (change: (id: string) => Promise<unknown>, onDone?: () => void) => {
  const org = useOrg();
  const client = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: [org.id, "payment-methods"] });
      onDone?.();
    },
  });
};

type LineProps = { card: PaymentMethod; onRemove: () => void };

const Line = ({ card, onRemove }: LineProps) => {
  const { t } = useTranslation("payments");
  const org = useOrg();
  const name = useCardName()(card);
  const prefer = useCardChange((id) => paymentMethodPrefer(org, id));
  return (
    <li className={classes.card}>
      <div>
        <Group gap="sm">
          <Text fw={600} className="tabular">
            {name}
          </Text>
          {card.is_default ? <StatusBadge status="active" label={t("cards.default")} /> : null}
          {hasEnded(card) ? <StatusBadge status="expired" /> : null}
        </Group>
        <Text size="sm" c="dimmed">
          {t("cards.until", { date: cardEnds(card) })}
        </Text>
        <ErrorBox error={prefer.error} />
      </div>
      <Group gap="xs">
        {card.is_default ? null : (
          <Button
            variant="subtle"
            size="compact-sm"
            loading={prefer.isPending}
            aria-label={t("cards.preferNamed", { card: name })}
            onClick={() => prefer.mutate(card.id)}
          >
            {t("cards.prefer")}
          </Button>
        )}
        <Button
          variant="subtle"
          color="red"
          size="compact-sm"
          aria-label={t("cards.remove.named", { card: name })}
          onClick={onRemove}
        >
          {t("cards.remove.open")}
        </Button>
      </Group>
    </li>
  );
};

const Remove = ({ card, onClose }: { card: PaymentMethod; onClose: () => void }) => {
  const { t } = useTranslation("payments");
  const org = useOrg();
  const name = useCardName()(card);
  const remove = useCardChange((id) => paymentMethodRemove(org, id), onClose);
  return (
    <ConfirmDialog
      opened
      onClose={onClose}
      onConfirm={() => remove.mutate(card.id)}
      title={t("cards.remove.title", { card: name })}
      text={t(card.is_default ? "cards.remove.textDefault" : "cards.remove.text")}
      confirm={t("cards.remove.confirm")}
      busy={remove.isPending}
      error={remove.error}
    />
  );
};

/** The provider's own pages, where there is one. */
const Portal = () => {
  const { t } = useTranslation("payments");
  const org = useOrg();
  const settings = useQuery(paymentSettingsQuery(org));
  const open = useMutation({
    mutationFn: () => portalOpen(org, { return_path: `/o/${org.slug}/billing/methods` }),
    onSuccess: ({ url }) => window.location.assign(url),
  });
  if (settings.data?.provider !== "stripe") return null;
  return (
    <>
      <Button variant="default" loading={open.isPending} onClick={() => open.mutate()}>
        {t("cards.portal")}
      </Button>
      <ErrorBox error={open.error} />
    </>
  );
};

/** The cards that were saved, and the one that is charged. */
export const CardsPanel = () => {
  const { t } = useTranslation("payments");
  const methods = useQuery(paymentMethodsQuery(useOrg()));
  const [removed, setRemoved] = useState<PaymentMethod>();
  const checkout = useCheckout();
  return (
    <Panel title={t("cards.title")}>
      <Stack>
        <QueryView query={methods}>
          {({ data }) =>
            data.length === 0 ? (
              <Text c="dimmed">{t("cards.none")}</Text>
            ) : (
              <ul className={classes.list} aria-label={t("cards.title")}>
                {data.map((card) => (
                  <Line key={card.id} card={card} onRemove={() => setRemoved(card)} />
                ))}
              </ul>
            )
          }
        </QueryView>
        <ErrorBox error={checkout.error} />
        <Group gap="sm">
          <Button
            variant="default"
            loading={checkout.busy}
            onClick={() => checkout.go({ purpose: "payment_method" })}
          >
            {t("cards.add")}
          </Button>
          <Portal />
        </Group>
      </Stack>
      {removed ? <Remove card={removed} onClose={() => setRemoved(undefined)} /> : null}
    </Panel>
  );
};
