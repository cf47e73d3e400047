import { Button, Group, Modal, Stack, Text, Textarea } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { outcomeDispute } from "@/api/outcomes";
import type { Outcome } from "@/api/types";
import { useOrg } from "@/lib/useOrg";
import { ErrorBox } from "@/ui/ErrorBox";

const MOST_LETTERS = 500;

type Props = { outcome: Outcome; onClose: () => void };

/** Why an outcome should not be paid, for the operator to decide. */
export const DisputeDialog = ({ outcome, onClose }: Props) => {
  const { t } = useTranslation(["contracts", "common"]);
  const org = useOrg();
  const client = useQueryClient();
  const dispute = useMutation({
    mutationFn: (body: { reason: string }) => outcomeDispute(org, outcome.id, body),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: [org.id, "outcomes"] });
      onClose();
    },
  });
  const form = useForm({
    initialValues: { reason: "" },
    validate: { reason: (value) => (value.trim() ? null : t("dispute.needed")) },
  });
  return (
    <Modal
      opened
      onClose={onClose}
      title={t("dispute.title")}
      centered
      closeButtonProps={{ "aria-label": t("common:close") }}
    >
      <form
        noValidate
        onSubmit={form.onSubmit(({ reason }) => dispute.mutate({ reason: reason.trim() }))}
      >
        <Stack>
          <Text size="sm">{t("dispute.text")}</Text>
          <Textarea
            label={t("dispute.reason")}
            autosize
            minRows={3}
            maxLength={MOST_LETTERS}
            data-autofocus
            {...form.getInputProps("reason")}
          />
          <ErrorBox error={dispute.error} />
          <Group justify="flex-end">
            <Button type="submit" loading={dispute.isPending}>
              {t("dispute.submit")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
};
