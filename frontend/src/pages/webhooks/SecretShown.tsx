import { Button, Checkbox, Group, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { verifySnippets } from "@/lib/webhookSnippets";
import { CodeBlock } from "@/ui/CodeBlock";
import { CodeTabs } from "@/ui/CodeTabs";
import { CopyField } from "@/ui/CopyField";

type Props = { secret: string; text: string; onDone: () => void };

export const SecretShown = ({ secret, text, onDone }: Props) => {
  const { t } = useTranslation("webhooks");
  const [stored, setStored] = useState(false);
  return (
    <Stack>
      <Text>{text}</Text>
      <div data-testid="new-secret">
        <CopyField value={secret} label={t("secret.copy")} />
      </div>
      <Text size="sm" c="dimmed">
        {t("secret.use")}
      </Text>
      <CodeBlock code={`export ANNEAL_WEBHOOK_SECRET="whsec_…"`} label={t("secret.export")} />
      <CodeTabs snippets={verifySnippets()} />
      <Checkbox
        label={t("secret.stored")}
        checked={stored}
        onChange={(event) => setStored(event.currentTarget.checked)}
      />
      <Group justify="flex-end">
        <Button onClick={onDone} disabled={!stored}>
          {t("secret.done")}
        </Button>
      </Group>
    </Stack>
  );
};
