import { Button, Checkbox, Group, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { classifySnippets, exportSnippet, SHIPPED_MODEL } from "@/lib/snippets";
import { CodeBlock } from "@/ui/CodeBlock";
import { CodeTabs } from "@/ui/CodeTabs";
import { CopyField } from "@/ui/CopyField";

type Props = { secret: string; onDone: () => void };

export const KeyShown = ({ secret, onDone }: Props) => {
  const { t } = useTranslation("keys");
  const [stored, setStored] = useState(false);
  return (
    <Stack>
      <Text>{t("shown.text")}</Text>
      <div data-testid="new-key">
        <CopyField value={secret} label={t("shown.copy")} />
      </div>
      <Text size="sm" c="dimmed">
        {t("shown.use")}
      </Text>
      <CodeBlock code={exportSnippet("ak_live_…")} label={t("shown.export")} />
      <CodeTabs
        snippets={classifySnippets({
          baseUrl: location.origin,
          model: SHIPPED_MODEL,
          input: t("shown.example"),
        })}
      />
      <Checkbox
        label={t("shown.stored")}
        checked={stored}
        onChange={(event) => setStored(event.currentTarget.checked)}
      />
      <Group justify="flex-end">
        <Button onClick={onDone} disabled={!stored}>
          {t("shown.done")}
        </Button>
      </Group>
    </Stack>
  );
};
