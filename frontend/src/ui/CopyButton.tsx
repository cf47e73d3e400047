import { ActionIcon, Tooltip, VisuallyHidden } from "@mantine/core";
import { useClipboard } from "@mantine/hooks";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";

const COPIED_MS = 1600;

export const CopyButton = ({ value, label }: { value: string; label?: string }) => {
  const { t } = useTranslation();
  const clipboard = useClipboard({ timeout: COPIED_MS });
  const text = clipboard.copied ? t("copied") : (label ?? t("copy"));
  return (
    <>
      <Tooltip label={text}>
        <ActionIcon
          variant="subtle"
          color="gray"
          aria-label={label ?? t("copy")}
          onClick={() => clipboard.copy(value)}
        >
          {clipboard.copied ? <IconCheck size={17} /> : <IconCopy size={17} />}
        </ActionIcon>
      </Tooltip>
      <VisuallyHidden aria-live="polite">{clipboard.copied ? t("copied") : ""}</VisuallyHidden>
    </>
  );
};
