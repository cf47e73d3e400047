import { Button, Group, Modal, Stack } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { type KeyLimits, keyLimit } from "@/api/keys";
import type { ApiKey } from "@/api/types";
import { useOrg } from "@/lib/useOrg";
import { ErrorBox } from "@/ui/ErrorBox";
import { LimitFields } from "./LimitFields";
import { type LimitValues, limitsOf, limitValuesOf } from "./limits";

type FormProps = { of: ApiKey; onDone: () => void };

const LimitsForm = ({ of, onDone }: FormProps) => {
  const { t } = useTranslation("keys");
  const org = useOrg();
  const client = useQueryClient();
  const form = useForm<LimitValues>({ initialValues: limitValuesOf(of) });
  const save = useMutation({
    mutationFn: (limits: KeyLimits) => keyLimit(org, of.id, limits),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: [org.id, "keys"] });
      onDone();
    },
  });
  return (
    <form onSubmit={form.onSubmit((values) => save.mutate(limitsOf(values)))}>
      <Stack>
        <LimitFields inputProps={(name) => form.getInputProps(name)} />
        <ErrorBox error={save.error} />
        <Group justify="flex-end">
          <Button type="submit" loading={save.isPending}>
            {t("limits.save")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
};

type Props = { target: ApiKey | undefined; onClose: () => void };

export const LimitsDialog = ({ target, onClose }: Props) => {
  const { t } = useTranslation(["keys", "common"]);
  return (
    <Modal
      opened={target !== undefined}
      onClose={onClose}
      title={t("limits.title", { name: target?.name ?? "" })}
      centered
      closeButtonProps={{ "aria-label": t("common:close") }}
    >
      {target ? <LimitsForm key={target.id} of={target} onDone={onClose} /> : null}
    </Modal>
  );
};
