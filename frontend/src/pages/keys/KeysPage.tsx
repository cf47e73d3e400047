import { Button, Group, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { keyRevoke, keysQuery } from "@/api/keys";
import type { ApiKey } from "@/api/types";
import { dateOf } from "@/lib/format";
import { useFormat } from "@/lib/useFormat";
import { useCan, useOrg } from "@/lib/useOrg";
import { ConfirmDialog } from "@/ui/ConfirmDialog";
import type { Column } from "@/ui/DataTable";
import { EmptyState } from "@/ui/EmptyState";
import { ListPage } from "@/ui/ListPage";
import { PageHeader } from "@/ui/PageHeader";
import { StatusBadge } from "@/ui/StatusBadge";
import { KeyDialog } from "./KeyDialog";
import { LimitsDialog } from "./LimitsDialog";
import { LIMITS } from "./limits";

const PREVIEW = `curl …/v1/classify \\
  -H "Authorization: Bearer $ANNEAL_API_KEY"`;

const statusOf = (key: ApiKey): string => {
  if (key.revoked_at) return "revoked";
  return key.expires_at && dateOf(key.expires_at) < new Date() ? "expired" : "active";
};

const Limits = ({ of }: { of: ApiKey }) => {
  const { t } = useTranslation("keys");
  const format = useFormat();
  const texts = LIMITS.flatMap((name) => {
    const count = of[name];
    return count === null ? [] : t(`limits.of.${name}`, { count, number: format.number(count) });
  });
  return texts.length === 0 ? null : (
    <Text size="sm" c="dimmed">
      {texts.join(" · ")}
    </Text>
  );
};

type Actions = { onLimit: (key: ApiKey) => void; onRevoke: (key: ApiKey) => void };

const useColumns = ({ onLimit, onRevoke }: Actions): Column<ApiKey>[] => {
  const { t } = useTranslation("keys");
  const format = useFormat();
  return [
    {
      key: "name",
      title: t("columns.name"),
      cell: (key) => (
        <>
          <Text fw={600}>{key.name}</Text>
          <Text size="sm" c="dimmed">
            <code>{`${key.prefix}…${key.last4}`}</code>
          </Text>
          <Limits of={key} />
        </>
      ),
    },
    { key: "scopes", title: t("columns.scopes"), wide: true, cell: (key) => key.scopes.join(", ") },
    {
      key: "used",
      title: t("columns.used"),
      wide: true,
      cell: (key) => (key.last_used_at ? format.ago(key.last_used_at) : t("never")),
    },
    {
      key: "expires",
      title: t("columns.expires"),
      wide: true,
      cell: (key) => (key.expires_at ? format.date(key.expires_at) : t("noExpiry")),
    },
    {
      key: "status",
      title: t("columns.status"),
      cell: (key) => <StatusBadge status={statusOf(key)} />,
    },
    {
      key: "actions",
      title: t("columns.actions"),
      cell: (key) =>
        key.revoked_at ? null : (
          <Group gap={4}>
            <Button
              variant="subtle"
              size="compact-sm"
              aria-label={t("limits.named", { name: key.name })}
              onClick={() => onLimit(key)}
            >
              {t("limits.open")}
            </Button>
            <Button
              variant="subtle"
              color="red"
              size="compact-sm"
              aria-label={t("revoke.named", { name: key.name })}
              onClick={() => onRevoke(key)}
            >
              {t("revoke.open")}
            </Button>
          </Group>
        ),
    },
  ];
};

const Revoke = ({ target, onClose }: { target: ApiKey | undefined; onClose: () => void }) => {
  const { t } = useTranslation("keys");
  const org = useOrg();
  const client = useQueryClient();
  const revoke = useMutation({
    mutationFn: (id: string) => keyRevoke(org, id),
    onSuccess: async () => {
      onClose();
      await client.invalidateQueries({ queryKey: [org.id, "keys"] });
    },
  });
  return (
    <ConfirmDialog
      opened={target !== undefined}
      onClose={onClose}
      onConfirm={() => target && revoke.mutate(target.id)}
      title={t("revoke.title", { name: target?.name ?? "" })}
      text={t("revoke.text")}
      confirm={t("revoke.confirm")}
      busy={revoke.isPending}
      error={revoke.error}
    />
  );
};

export const KeysPage = () => {
  const { t } = useTranslation("keys");
  const allowed = useCan("keys");
  const keys = useQuery({ ...keysQuery(useOrg()), enabled: allowed });
  const [limited, setLimited] = useState<ApiKey>();
  const [revoked, setRevoked] = useState<ApiKey>();
  const [opened, dialog] = useDisclosure(false);
  const columns = useColumns({ onLimit: setLimited, onRevoke: setRevoked });
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
        query={keys}
        columns={columns}
        action={create}
        empty={{ title: t("empty.title"), text: t("empty.text"), preview: PREVIEW }}
      />
      <KeyDialog opened={opened} onClose={dialog.close} />
      <LimitsDialog target={limited} onClose={() => setLimited(undefined)} />
      <Revoke target={revoked} onClose={() => setRevoked(undefined)} />
    </>
  );
};
