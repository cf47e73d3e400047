import { Button, Group, Modal, Stack, Switch, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useDisclosure } from "@mantine/hooks";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { type LogDatasetDraft, type LogFilters, predictionsDataset } from "@/api/predictions";
import type { Deployment } from "@/api/types";
import { useOrg } from "@/lib/useOrg";
import { ErrorBox } from "@/ui/ErrorBox";

type Props = { row: Deployment; filters: LogFilters };

/** Makes a dataset of the rows that the filters choose. */
export const LogDataset = ({ row, filters }: Props) => {
  const { t } = useTranslation("predictions");
  const { t: common } = useTranslation();
  const org = useOrg();
  const client = useQueryClient();
  const navigate = useNavigate();
  const [opened, dialog] = useDisclosure(false);
  const form = useForm<LogDatasetDraft>({ initialValues: { name: row.name, judged: true } });
  const make = useMutation({
    mutationFn: (draft: LogDatasetDraft) => predictionsDataset(org, row.id, draft, filters),
    onSuccess: async ({ id }) => {
      await client.invalidateQueries({ queryKey: [org.id, "datasets"] });
      await navigate({
        to: "/o/$org/datasets/$datasetId",
        params: { org: org.slug, datasetId: id },
      });
    },
  });
  return (
    <>
      <Button variant="default" onClick={dialog.open}>
        {t("dataset.open")}
      </Button>
      <Modal
        opened={opened}
        onClose={dialog.close}
        title={t("dataset.open")}
        centered
        closeButtonProps={{ "aria-label": common("close") }}
      >
        <form onSubmit={form.onSubmit((draft) => make.mutate(draft))}>
          <Stack>
            <TextInput label={t("dataset.name")} required {...form.getInputProps("name")} />
            <Switch
              label={t("dataset.judged")}
              description={t("dataset.judgedHelp")}
              {...form.getInputProps("judged", { type: "checkbox" })}
            />
            <ErrorBox error={make.error} />
            <Group justify="flex-end">
              <Button type="submit" loading={make.isPending}>
                {t("dataset.make")}
              </Button>
            </Group>
          </Stack>
        </form>
      </Modal>
    </>
  );
};
