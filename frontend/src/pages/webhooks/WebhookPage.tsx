import { Alert, Stack } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import type { Webhook } from "@/api/types";
import { webhookQuery } from "@/api/webhooks";
import { useFormat } from "@/lib/useFormat";
import { useOrg } from "@/lib/useOrg";
import { shortUrl, statusOf } from "@/lib/webhooks";
import { CopyField } from "@/ui/CopyField";
import { ErrorBox } from "@/ui/ErrorBox";
import { LinkAnchor } from "@/ui/links";
import { PageHeader } from "@/ui/PageHeader";
import { Panel } from "@/ui/Panel";
import { QueryView } from "@/ui/QueryView";
import { Stats } from "@/ui/Stat";
import { StatusBadge } from "@/ui/StatusBadge";
import { Deliveries } from "./Deliveries";
import { useWebhookChange } from "./useWebhookChange";
import { WebhookActions } from "./WebhookActions";

/** Why nothing is sent, or soon will not be. */
const Trouble = ({ row }: { row: Webhook }) => {
  const { t } = useTranslation("webhooks");
  const format = useFormat();
  if (row.enabled && !row.failing_since) return null;
  const text =
    row.enabled && row.failing_since
      ? t("trouble.failing", { time: format.dateTime(row.failing_since) })
      : t(`trouble.disabled.${row.disabled_reason ?? "manual"}`);
  return (
    <Alert
      variant="light"
      color={row.disabled_reason === "manual" ? "gray" : "straw"}
      icon={<IconAlertTriangle />}
    >
      {text}
    </Alert>
  );
};

const View = ({ row }: { row: Webhook }) => {
  const { t } = useTranslation("webhooks");
  const format = useFormat();
  const org = useOrg();
  const change = useWebhookChange(row);
  const until = row.old_secret_until;
  const overlapping = until !== null && Date.parse(until) > Date.now();
  return (
    <>
      <PageHeader
        title={row.description || shortUrl(row.url)}
        action={<WebhookActions row={row} change={change} />}
        above={
          <LinkAnchor to="/o/$org/webhooks" params={{ org: org.slug }} size="sm">
            {t("title")}
          </LinkAnchor>
        }
      />
      <Stack gap="lg">
        <ErrorBox error={change.error} />
        <Trouble row={row} />
        <Panel>
          <Stack>
            <CopyField value={row.url} label={t("copyUrl")} />
            <Stats
              items={[
                {
                  label: t("columns.status"),
                  value: (
                    <StatusBadge status={statusOf(row)} label={t(`status.${statusOf(row)}`)} />
                  ),
                },
                {
                  label: t("columns.events"),
                  value:
                    row.event_types.length === 0
                      ? t("allEvents")
                      : t("events", { count: row.event_types.length }),
                  hint: row.event_types.join(", "),
                },
                {
                  label: t("columns.created"),
                  value: format.date(row.created_at),
                  hint: overlapping
                    ? t("rotate.overlap", { time: format.dateTime(until) })
                    : undefined,
                },
              ]}
            />
          </Stack>
        </Panel>
        <Panel title={t("deliveries.title")}>
          <Deliveries webhook={row} change={change} />
        </Panel>
      </Stack>
    </>
  );
};

export const WebhookPage = () => {
  const { webhookId = "" } = useParams({ strict: false });
  const webhook = useQuery(webhookQuery(useOrg(), webhookId));
  return <QueryView query={webhook}>{(row) => <View row={row} />}</QueryView>;
};
