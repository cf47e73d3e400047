import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { webhookRotate } from "@/api/webhooks";
import { useOrg } from "@/lib/useOrg";
import { ErrorBox } from "@/ui/ErrorBox";
import { SecretShown } from "./SecretShown";

type Props = { webhookId: string; opened: boolean; onClose: () => void };

/** First what it means, then the new secret, once. */
export const RotateDialog = ({ webhookId, opened, onClose }: Props) => {
  const { t } = useTranslation(["webhooks", "common"]);
  const org = useOrg();
  const client = useQueryClient();
  const rotate = useMutation({
    mutationFn: () => webhookRotate(org, webhookId),
    gcTime: 0,
    onSuccess: () => client.invalidateQueries({ queryKey: [org.id, "webhooks"] }),
  });
  const close = () => {
    onClose();
    rotate.reset();
  };
  return (
    <Modal
      opened={opened}
      onClose={close}
      title={rotate.data ? t("secret.title") : t("rotate.title")}
      centered
      size={rotate.data ? "lg" : "md"}
      closeOnClickOutside={rotate.data === undefined}
      closeButtonProps={{ "aria-label": t("common:close") }}
    >
      {rotate.data ? (
        <SecretShown secret={rotate.data.secret} text={t("rotate.shown")} onDone={close} />
      ) : (
        <Stack>
          <Text>{t("rotate.text")}</Text>
          <ErrorBox error={rotate.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={close} data-autofocus>
              {t("common:back")}
            </Button>
            <Button loading={rotate.isPending} onClick={() => rotate.mutate()}>
              {t("rotate.confirm")}
            </Button>
          </Group>
        </Stack>
      )}
    </Modal>
  );
};
