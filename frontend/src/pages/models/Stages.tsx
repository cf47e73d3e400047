import { Badge, Button, CloseButton, Group, Text, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { stageMove, stageRemove } from "@/api/exports";
import type { Model } from "@/api/types";
import { useCan, useOrg } from "@/lib/useOrg";
import { ErrorBox } from "@/ui/ErrorBox";
import { Panel } from "@/ui/Panel";

const FIRST = "production";
const MAX_NAME = 32;

/** The words that stand for this version; giving it one takes the word from another. */
export const Stages = ({ model }: { model: Model }) => {
  const { t } = useTranslation("models");
  const org = useOrg();
  const allowed = useCan("deploy");
  const client = useQueryClient();
  const [name, setName] = useState(FIRST);
  const settle = () => client.invalidateQueries({ queryKey: [org.id, "models"] });
  const move = useMutation({
    mutationFn: () => stageMove(org, model.id, name.trim()),
    onSuccess: settle,
  });
  const remove = useMutation({
    mutationFn: (stage: string) => stageRemove(org, model.id, stage),
    onSuccess: settle,
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    move.mutate();
  };
  const stages = model.stages ?? [];
  return (
    <Panel title={t("stages.title")}>
      <Text size="sm" c="dimmed" mb="sm">
        {t("stages.help")}
      </Text>
      <Group gap="xs" mb="sm">
        {stages.length === 0 ? <Text size="sm">{t("stages.none")}</Text> : null}
        {stages.map((stage) => (
          <Badge
            key={stage}
            variant="default"
            tt="none"
            size="lg"
            rightSection={
              allowed ? (
                <CloseButton
                  size="xs"
                  aria-label={t("stages.remove", { stage })}
                  disabled={remove.isPending}
                  onClick={() => remove.mutate(stage)}
                />
              ) : null
            }
          >
            {stage}
          </Badge>
        ))}
      </Group>
      {allowed ? (
        <form onSubmit={submit}>
          <Group align="flex-end" gap="sm">
            <TextInput
              label={t("stages.name")}
              value={name}
              maxLength={MAX_NAME}
              onChange={(event) => setName(event.currentTarget.value)}
            />
            <Button
              type="submit"
              variant="default"
              loading={move.isPending}
              disabled={!name.trim()}
            >
              {t("stages.move")}
            </Button>
          </Group>
        </form>
      ) : null}
      <ErrorBox error={move.error ?? remove.error} />
    </Panel>
  );
};
