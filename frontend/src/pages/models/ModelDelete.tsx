import { Button } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { modelDelete } from "@/api/models";
import type { Model } from "@/api/types";
import { useCan, useOrg } from "@/lib/useOrg";
import { ConfirmDialog } from "@/ui/ConfirmDialog";

export const ModelDelete = ({ model }: { model: Model }) => {
  const { t } = useTranslation("models");
  const org = useOrg();
  const allowed = useCan("train");
  const client = useQueryClient();
  const navigate = useNavigate();
  const [opened, dialog] = useDisclosure(false);
  const destroy = useMutation({
    mutationFn: () => modelDelete(org, model.id),
    onSuccess: async () => {
      await navigate({ to: "/o/$org/models", params: { org: org.slug } });
      await client.invalidateQueries({ queryKey: [org.id, "models"] });
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
        title={t("delete.title")}
        text={t("delete.text")}
        confirm={t("delete.confirm")}
        busy={destroy.isPending}
        error={destroy.error}
      />
    </>
  );
};
