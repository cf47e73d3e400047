import { Button } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { datasetDelete } from "@/api/datasets";
import type { Dataset } from "@/api/types";
import { useCan, useOrg } from "@/lib/useOrg";
import { ConfirmDialog } from "@/ui/ConfirmDialog";

export const DatasetDelete = ({ dataset }: { dataset: Dataset }) => {
  const { t } = useTranslation("datasets");
  const org = useOrg();
  const allowed = useCan("upload");
  const client = useQueryClient();
  const navigate = useNavigate();
  const [opened, dialog] = useDisclosure(false);
  const destroy = useMutation({
    mutationFn: () => datasetDelete(org, dataset.id),
    onSuccess: async () => {
      await navigate({ to: "/o/$org/datasets", params: { org: org.slug } });
      await client.invalidateQueries({ queryKey: [org.id, "datasets"] });
    },
  });
  if (!allowed) return null;
  return (
    <>
      <Button variant="default" onClick={dialog.open}>
        {t("delete.open")}
      </Button>
      <ConfirmDialog
        opened={opened}
        onClose={dialog.close}
        onConfirm={() => destroy.mutate()}
        title={t("delete.title", { name: dataset.name })}
        text={t("delete.text")}
        confirm={t("delete.confirm")}
        busy={destroy.isPending}
        error={destroy.error}
      />
    </>
  );
};
