import { Button, Group, Modal } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useTranslation } from "react-i18next";
import type { Webhook } from "@/api/types";
import { ConfirmDialog } from "@/ui/ConfirmDialog";
import { RotateDialog } from "./RotateDialog";
import type { WebhookMutation } from "./useWebhookChange";
import { WebhookForm } from "./WebhookForm";

type Props = { row: Webhook; change: WebhookMutation };

const EditDialog = ({ row, change, opened, onClose }: Props & Dialog) => {
  const { t } = useTranslation(["webhooks", "common"]);
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={t("form.changeTitle")}
      centered
      size="lg"
      closeButtonProps={{ "aria-label": t("common:close") }}
    >
      <WebhookForm
        webhook={row}
        busy={change.isPending}
        error={change.error}
        onSubmit={(draft) => change.mutate({ action: "edit", draft }, { onSuccess: onClose })}
      />
    </Modal>
  );
};

type Dialog = { opened: boolean; onClose: () => void };

export const WebhookActions = ({ row, change }: Props) => {
  const { t } = useTranslation("webhooks");
  const [editing, edit] = useDisclosure(false);
  const [rotating, rotate] = useDisclosure(false);
  const [deleting, remove] = useDisclosure(false);
  const running = (action: string) => change.isPending && change.variables.action === action;
  return (
    <Group gap="sm">
      <Button
        disabled={!row.enabled}
        loading={running("test")}
        onClick={() => change.mutate({ action: "test" })}
      >
        {t("test")}
      </Button>
      <Button variant="default" onClick={edit.open}>
        {t("edit")}
      </Button>
      <Button variant="default" onClick={rotate.open}>
        {t("rotate.open")}
      </Button>
      <Button
        variant="default"
        loading={running("enable")}
        onClick={() => change.mutate({ action: "enable", enabled: !row.enabled })}
      >
        {row.enabled ? t("disable") : t("enable")}
      </Button>
      <Button variant="default" onClick={remove.open}>
        {t("delete.open")}
      </Button>
      <EditDialog row={row} change={change} opened={editing} onClose={edit.close} />
      <RotateDialog webhookId={row.id} opened={rotating} onClose={rotate.close} />
      <ConfirmDialog
        opened={deleting}
        onClose={remove.close}
        onConfirm={() => change.mutate({ action: "delete" })}
        title={t("delete.title")}
        text={t("delete.text")}
        confirm={t("delete.confirm")}
        busy={running("delete")}
        error={change.variables?.action === "delete" ? change.error : null}
      />
    </Group>
  );
};
