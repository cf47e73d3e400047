import { Modal } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { type WebhookDraft, webhookCreate } from "@/api/webhooks";
import { useOrg } from "@/lib/useOrg";
import { SecretShown } from "./SecretShown";
import { WebhookForm } from "./WebhookForm";

type Props = { opened: boolean; onClose: () => void };

/** First the form, then the secret: once, and gone from the page when the dialog closes. */
export const CreateDialog = ({ opened, onClose }: Props) => {
  const { t } = useTranslation(["webhooks", "common"]);
  const org = useOrg();
  const client = useQueryClient();
  const create = useMutation({
    mutationFn: (draft: WebhookDraft) => webhookCreate(org, draft),
    gcTime: 0,
    onSuccess: () => client.invalidateQueries({ queryKey: [org.id, "webhooks"] }),
  });
  const close = () => {
    onClose();
    create.reset();
  };
  return (
    <Modal
      opened={opened}
      onClose={close}
      title={create.data ? t("secret.title") : t("form.title")}
      centered
      size="lg"
      closeOnClickOutside={create.data === undefined}
      closeButtonProps={{ "aria-label": t("common:close") }}
    >
      {create.data ? (
        <SecretShown secret={create.data.secret} text={t("secret.text")} onDone={close} />
      ) : (
        <WebhookForm
          busy={create.isPending}
          error={create.error}
          onSubmit={(draft) => create.mutate(draft)}
        />
      )}
    </Modal>
  );
};
