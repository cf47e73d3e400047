import { Button, Group, SegmentedControl, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Delivery, Webhook } from "@/api/types";
import { deliveriesQuery } from "@/api/webhooks";
import { useFormat } from "@/lib/useFormat";
import { useKnown } from "@/lib/useKnown";
import { useOrg } from "@/lib/useOrg";
import { type Column, DataTable } from "@/ui/DataTable";
import { QueryView } from "@/ui/QueryView";
import { StatusBadge } from "@/ui/StatusBadge";
import type { WebhookMutation } from "./useWebhookChange";
import classes from "./Webhooks.module.css";

const STATES = ["all", "waiting", "delivered", "failed"] as const;
const REPLAY_DAYS = 7;
const DAY_MS = 86_400_000;

type Props = { webhook: Webhook; change: WebhookMutation };

/** Why the last attempt failed, in words; a status says most of it. */
const useFault = () => {
  const { t } = useTranslation("webhooks");
  const known = useKnown("webhooks");
  return ({ error, response_status }: Delivery): string => {
    if (!error) return response_status ? String(response_status) : "–";
    if (error === "status") return t("answered", { status: response_status ?? "" });
    return known("faults", error) ?? error;
  };
};

const useColumns = ({ webhook, change }: Props): Column<Delivery>[] => {
  const { t } = useTranslation("webhooks");
  const format = useFormat();
  const fault = useFault();
  return [
    {
      key: "event",
      title: t("deliveries.event"),
      cell: (row) => (
        <>
          <Text size="sm" fw={600}>
            {row.event_type}
          </Text>
          <Text size="sm" c="dimmed">
            {format.dateTime(row.event_created_at)}
          </Text>
          <Text component="span" className={classes.id ?? ""} visibleFrom="sm">
            {row.event}
          </Text>
        </>
      ),
    },
    {
      key: "state",
      title: t("columns.status"),
      cell: (row) => (
        <Stack gap={2} align="flex-start">
          <StatusBadge status={row.state} label={t(`states.${row.state}`)} />
          {row.next_attempt_at && row.attempts > 0 ? (
            <Text size="xs" c="dimmed" visibleFrom="sm">
              {t("deliveries.next", { time: format.dateTime(row.next_attempt_at) })}
            </Text>
          ) : null}
        </Stack>
      ),
    },
    { key: "answer", title: t("deliveries.answer"), wide: true, cell: fault },
    {
      key: "attempts",
      title: t("deliveries.attempts"),
      numeric: true,
      wide: true,
      cell: (row) => format.number(row.attempts),
    },
    {
      key: "duration",
      title: t("deliveries.duration"),
      numeric: true,
      wide: true,
      cell: (row) => (row.duration_ms === null ? "–" : format.milliseconds(row.duration_ms)),
    },
    {
      key: "resend",
      title: t("deliveries.actions"),
      cell: (row) => (
        <Button
          variant="subtle"
          size="compact-sm"
          disabled={!webhook.enabled}
          loading={
            change.isPending &&
            change.variables.action === "resend" &&
            change.variables.delivery === row.id
          }
          aria-label={t("deliveries.resendNamed", { event: row.event })}
          onClick={() => change.mutate({ action: "resend", delivery: row.id })}
        >
          {t("deliveries.resend")}
        </Button>
      ),
    },
  ];
};

export const Deliveries = ({ webhook, change }: Props) => {
  const { t } = useTranslation("webhooks");
  const [shown, setShown] = useState<(typeof STATES)[number]>("all");
  const state = shown === "all" ? undefined : shown;
  const deliveries = useQuery(deliveriesQuery(useOrg(), webhook.id, state));
  const columns = useColumns({ webhook, change });
  const replay = () =>
    change.mutate({
      action: "replay",
      since: new Date(Date.now() - REPLAY_DAYS * DAY_MS).toISOString(),
    });
  return (
    <Stack gap="sm">
      <Group justify="space-between" gap="sm">
        <SegmentedControl
          aria-label={t("deliveries.filter")}
          size="xs"
          value={shown}
          onChange={(value) => setShown(value as typeof shown)}
          data={STATES.map((value) => ({ value, label: t(`states.${value}`) }))}
        />
        <Button
          variant="default"
          size="xs"
          disabled={!webhook.enabled}
          loading={change.isPending && change.variables.action === "replay"}
          onClick={replay}
        >
          {t("deliveries.replay", { count: REPLAY_DAYS })}
        </Button>
      </Group>
      <QueryView query={deliveries}>
        {({ data, has_more }) =>
          data.length === 0 ? (
            <Text c="dimmed">{t(state ? "deliveries.noneOfState" : "deliveries.none")}</Text>
          ) : (
            <>
              <DataTable
                caption={t("deliveries.title")}
                columns={columns}
                rows={data}
                rowKey={(row) => row.id}
              />
              {has_more ? (
                <Text size="sm" c="dimmed">
                  {t("deliveries.newest", { count: data.length })}
                </Text>
              ) : null}
            </>
          )
        }
      </QueryView>
    </Stack>
  );
};
