import { Button, Group, Modal, Select, Stack, Text, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { invitationCreate } from "@/api/account";
import { isApiError } from "@/api/errors";
import type { OrganizationRole } from "@/api/types";
import { useOrg } from "@/lib/useOrg";
import { CopyField } from "@/ui/CopyField";
import { ErrorBox } from "@/ui/ErrorBox";

const ROLES: readonly OrganizationRole[] = ["viewer", "annotator", "developer", "billing", "admin"];

type Props = { opened: boolean; onClose: () => void };
type Draft = { email: string; role: OrganizationRole };

export const InviteDialog = ({ opened, onClose }: Props) => {
  const { t } = useTranslation(["settings", "common"]);
  const org = useOrg();
  const form = useForm<Draft>({
    initialValues: { email: "", role: "developer" },
    validate: { email: (value) => (value.includes("@") ? null : t("invite.emailNeeded")) },
  });
  const invite = useMutation({
    mutationFn: (draft: Draft) => invitationCreate(org, draft),
    onError: (error) => {
      if (isApiError(error)) form.setErrors(error.fields);
    },
  });
  const close = () => {
    onClose();
    invite.reset();
    form.reset();
  };
  return (
    <Modal
      opened={opened}
      onClose={close}
      title={t("invite.title")}
      centered
      closeButtonProps={{ "aria-label": t("common:close") }}
    >
      {invite.data ? (
        <Stack>
          <Text>{t("invite.made", { email: invite.data.email })}</Text>
          <CopyField value={invite.data.url} label={t("invite.copy")} />
          <Group justify="flex-end">
            <Button onClick={close}>{t("common:close")}</Button>
          </Group>
        </Stack>
      ) : (
        <form onSubmit={form.onSubmit((values) => invite.mutate(values))}>
          <Stack>
            <TextInput
              label={t("team.email")}
              type="email"
              data-autofocus
              {...form.getInputProps("email")}
            />
            <Select
              label={t("team.role")}
              description={t(`roles.${form.values.role}.text`)}
              data={ROLES.map((role) => ({ value: role, label: t(`roles.${role}.name`) }))}
              allowDeselect={false}
              {...form.getInputProps("role")}
            />
            <ErrorBox
              error={isApiError(invite.error) && invite.error.param ? null : invite.error}
            />
            <Group justify="flex-end">
              <Button type="submit" loading={invite.isPending}>
                {t("invite.submit")}
              </Button>
            </Group>
          </Stack>
        </form>
      )}
    </Modal>
  );
};
