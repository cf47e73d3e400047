import { Button } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { predictionsForget } from "@/api/predictions";
import { useOrg } from "@/lib/useOrg";
import { ConfirmDialog } from "@/ui/ConfirmDialog";

/** Deletes all kept rows, once more asked. */
export const LogForget = ({ deployment }: { deployment: string }) => {
  const { t } = useTranslation("predictions");
  const org = useOrg();
  const client = useQueryClient();
  const [opened, setOpened] = useState(false);
  const forget = useMutation({
    mutationFn: () => predictionsForget(org, deployment),
    onSuccess: async () => {
      setOpened(false);
      await client.invalidateQueries({ queryKey: [org.id, "deployments", deployment] });
    },
  });
  return (
    <>
      <Button variant="default" onClick={() => setOpened(true)}>
        {t("forget.open")}
      </Button>
      <ConfirmDialog
        opened={opened}
        onClose={() => setOpened(false)}
        onConfirm={() => forget.mutate()}
        title={t("forget.title")}
        text={t("forget.text")}
        confirm={t("forget.confirm")}
        busy={forget.isPending}
        error={forget.error}
      />
    </>
  );
};
