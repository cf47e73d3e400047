import { ActionIcon, VisuallyHidden } from "@mantine/core";
import { useClipboard } from "@mantine/hooks";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";

const COPIED_MS = 1600;

export const CopyButton = ({ value, label }: { value: string; label?: string }) => {
  const { t } = useTranslation();
  const clipboard = useClipboard({ timeout: COPIED_MS });
  const name = label ?? t("copy");
  return (
    <>
      <ActionIcon
        variant="subtle"
        color="gray"
        aria-label={name}
        title={name}
        onClick={() => clipboard.copy(value)}
      >
        {clipboard.copied ? <IconCheck size={17} /> : <IconCopy size={17} />}
      </ActionIcon>
      <VisuallyHidden aria-live="polite">{clipboard.copied ? t("copied") : ""}</VisuallyHidden>
    </>
  );
};
