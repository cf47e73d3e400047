import { Button, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import type { Webhook } from "@/api/types";
import { webhooksQuery } from "@/api/webhooks";
import { useFormat } from "@/lib/useFormat";
import { useCan, useOrg } from "@/lib/useOrg";
import { verifySnippets } from "@/lib/webhookSnippets";
import { shortUrl, statusOf } from "@/lib/webhooks";
import { CodeTabs } from "@/ui/CodeTabs";
import type { Column } from "@/ui/DataTable";
import { EmptyState } from "@/ui/EmptyState";
import { ListPage } from "@/ui/ListPage";
import { LinkAnchor } from "@/ui/links";
import { PageHeader } from "@/ui/PageHeader";
import { Panel } from "@/ui/Panel";
import { StatusBadge } from "@/ui/StatusBadge";
import { CreateDialog } from "./CreateDialog";
import classes from "./Webhooks.module.css";

const PREVIEW = `POST /hooks/anneal
webhook-id: evt_…
webhook-signature: v1,…

{"type": "fine_tuning.job.succeeded",
 "data": {"id": "ftjob-…"}}`;

const useColumns = (): Column<Webhook>[] => {
  const { t } = useTranslation("webhooks");
  const format = useFormat();
  const org = useOrg();
  return [
    {
      key: "url",
      title: t("columns.url"),
      cell: (webhook) => (
        <>
          <LinkAnchor
            to="/o/$org/webhooks/$webhookId"
            params={{ org: org.slug, webhookId: webhook.id }}
            fw={600}
            className={classes.url ?? ""}
          >
            {shortUrl(webhook.url)}
          </LinkAnchor>
          {webhook.description ? (
            <Text size="sm" c="dimmed">
              {webhook.description}
            </Text>
          ) : null}
        </>
      ),
    },
    {
      key: "events",
      title: t("columns.events"),
      wide: true,
      cell: ({ event_types }) =>
        event_types.length === 0 ? t("allEvents") : t("events", { count: event_types.length }),
    },
    {
      key: "created",
      title: t("columns.created"),
      wide: true,
      cell: (webhook) => format.date(webhook.created_at),
    },
    {
      key: "status",
      title: t("columns.status"),
      cell: (webhook) => (
        <StatusBadge status={statusOf(webhook)} label={t(`status.${statusOf(webhook)}`)} />
      ),
    },
  ];
};

export const WebhooksPage = () => {
  const { t } = useTranslation("webhooks");
  const allowed = useCan("webhooks");
  const webhooks = useQuery({ ...webhooksQuery(useOrg()), enabled: allowed });
  const [opened, dialog] = useDisclosure(false);
  const columns = useColumns();
  const create = <Button onClick={dialog.open}>{t("create")}</Button>;
  if (!allowed) {
    return (
      <>
        <PageHeader title={t("title")} lead={t("lead")} />
        <EmptyState title={t("denied.title")} text={t("denied.text")} action={null} />
      </>
    );
  }
  return (
    <>
      <ListPage
        title={t("title")}
        lead={t("lead")}
        query={webhooks}
        columns={columns}
        action={create}
        empty={{ title: t("empty.title"), text: t("empty.text"), preview: PREVIEW }}
      />
      <Text c="dimmed" mt="xl" mb="sm">
        {t("verify.text")}
      </Text>
      <Panel title={t("verify.title")}>
        <CodeTabs snippets={verifySnippets()} />
      </Panel>
      <CreateDialog opened={opened} onClose={dialog.close} />
    </>
  );
};
