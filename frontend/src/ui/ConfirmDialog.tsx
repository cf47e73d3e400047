import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { ErrorBox } from "./ErrorBox";

type Props = {
  opened: boolean;
  onClose: () => void;
  onConfirm: () => void;
  title: string;
  text: string;
  confirm: string;
  busy?: boolean;
  error?: unknown;
  danger?: boolean;
  /** What else is to be known before. */
  children?: ReactNode;
};

export const ConfirmDialog = (props: Props) => {
  const { t } = useTranslation();
  return (
    <Modal
      opened={props.opened}
      onClose={props.onClose}
      title={props.title}
      centered
      closeButtonProps={{ "aria-label": t("close") }}
    >
      <Stack>
        <Text>{props.text}</Text>
        {props.children}
        <ErrorBox error={props.error} />
        <Group justify="flex-end">
          <Button variant="default" onClick={props.onClose} data-autofocus>
            {t("back")}
          </Button>
          <Button
            color={props.danger === false ? undefined : "red"}
            loading={props.busy ?? false}
            onClick={props.onConfirm}
          >
            {props.confirm}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
};
