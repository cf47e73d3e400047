import { Button, Group, Stack, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { type JobAction, jobAct, jobEnded } from "@/api/training";
import type { Job } from "@/api/types";
import { useCan, useOrg } from "@/lib/useOrg";
import { ConfirmDialog } from "@/ui/ConfirmDialog";
import { ErrorBox } from "@/ui/ErrorBox";

/** Pause, resume, cancel: whatever the state allows. */
export const JobActions = ({ job }: { job: Job }) => {
  const { t } = useTranslation("training");
  const org = useOrg();
  const allowed = useCan("train");
  const client = useQueryClient();
  const [opened, dialog] = useDisclosure(false);
  const act = useMutation({
    mutationFn: (action: JobAction) => jobAct(org, job.id, action),
    onSuccess: async () => {
      dialog.close();
      await client.invalidateQueries({ queryKey: [org.id, "jobs"] });
    },
  });
  if (!allowed || jobEnded(job.status)) return null;
  const paused = job.status === "paused";
  const cancels = act.variables === "cancel";
  return (
    <Stack gap="sm">
      <Group gap="sm">
        {job.pausing ? (
          <Text size="sm" c="dimmed">
            {t("job.pausing")}
          </Text>
        ) : (
          <Button
            variant="default"
            loading={act.isPending && !cancels}
            onClick={() => act.mutate(paused ? "resume" : "pause")}
          >
            {paused ? t("job.resume") : t("job.pause")}
          </Button>
        )}
        <Button variant="default" onClick={dialog.open}>
          {t("job.cancel")}
        </Button>
      </Group>
      <ErrorBox error={cancels ? null : act.error} />
      <ConfirmDialog
        opened={opened}
        onClose={dialog.close}
        onConfirm={() => act.mutate("cancel")}
        title={t("cancel.title")}
        text={t("cancel.text")}
        confirm={t("cancel.confirm")}
        busy={act.isPending}
        error={cancels ? act.error : null}
      />
    </Stack>
  );
};
