import { Button, Group, Modal, Select, Stack, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { type DeploymentDraft, deploymentCreate } from "@/api/deployments";
import { isApiError } from "@/api/errors";
import { modelsQuery } from "@/api/models";
import { useOrg } from "@/lib/useOrg";
import { ErrorBox } from "@/ui/ErrorBox";

const NAME = /^[a-z0-9-]{1,64}$/;

type Props = { opened: boolean; onClose: () => void; model: string | undefined };

const useModelNames = (): string[] => {
  const models = useQuery(modelsQuery(useOrg()));
  return (models.data ?? [])
    .filter((model) => model.kind === "fine_tuned" || model.kind === "shipped")
    .map((model) => model.id);
};

export const DeployDialog = ({ opened, onClose, model }: Props) => {
  const { t } = useTranslation(["deployments", "common"]);
  const org = useOrg();
  const client = useQueryClient();
  const navigate = useNavigate();
  const names = useModelNames();
  const form = useForm<DeploymentDraft>({
    initialValues: { name: "", model: model ?? "" },
    validate: {
      name: (value) => (NAME.test(value) ? null : t("form.nameRule")),
      model: (value) => (value ? null : t("form.modelNeeded")),
    },
  });
  const create = useMutation({
    mutationFn: (draft: DeploymentDraft) => deploymentCreate(org, draft),
    onSuccess: async (made) => {
      await client.invalidateQueries({ queryKey: [org.id] });
      await navigate({
        to: "/o/$org/deployments/$deploymentId",
        params: { org: org.slug, deploymentId: made.id },
        search: {},
      });
    },
    onError: (error) => {
      if (isApiError(error)) form.setErrors(error.fields);
    },
  });
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={t("form.title")}
      centered
      closeButtonProps={{ "aria-label": t("common:close") }}
    >
      <form onSubmit={form.onSubmit((values) => create.mutate(values))}>
        <Stack>
          <TextInput
            label={t("columns.name")}
            description={t("form.nameHelp")}
            placeholder="reviews-prod"
            data-autofocus
            {...form.getInputProps("name")}
          />
          <Select
            label={t("columns.model")}
            data={names}
            searchable
            allowDeselect={false}
            {...form.getInputProps("model")}
          />
          <ErrorBox error={isApiError(create.error) && create.error.param ? null : create.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t("common:back")}
            </Button>
            <Button type="submit" loading={create.isPending}>
              {t("form.submit")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
};
