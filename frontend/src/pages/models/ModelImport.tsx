import { Button, FileButton, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { modelImport } from "@/api/exports";
import { useCan, useOrg } from "@/lib/useOrg";
import { ErrorBox } from "@/ui/ErrorBox";

const MAX_SUFFIX = 64;

/** Files or one zip; what is refused names the file or the key. */
export const ModelImport = () => {
  const { t } = useTranslation("models");
  const { t: common } = useTranslation();
  const org = useOrg();
  const client = useQueryClient();
  const navigate = useNavigate();
  const [opened, dialog] = useDisclosure(false);
  const [files, setFiles] = useState<File[]>([]);
  const [suffix, setSuffix] = useState("");
  const send = useMutation({
    mutationFn: () => modelImport(org, { files, suffix: suffix.trim() }),
    onSuccess: async (model) => {
      await client.invalidateQueries({ queryKey: [org.id, "models"] });
      await navigate({
        to: "/o/$org/models/$modelId",
        params: { org: org.slug, modelId: model.id },
      });
    },
  });
  if (!useCan("train")) return null;
  return (
    <>
      <Button variant="default" onClick={dialog.open}>
        {t("import.open")}
      </Button>
      <Modal
        opened={opened}
        onClose={dialog.close}
        title={t("import.title")}
        centered
        closeButtonProps={{ "aria-label": common("close") }}
      >
        <Stack>
          <Text size="sm">{t("import.text")}</Text>
          <Group>
            <FileButton
              multiple
              onChange={setFiles}
              inputProps={{ "aria-label": t("import.choose") }}
            >
              {(props) => (
                <Button {...props} variant="default">
                  {t("import.choose")}
                </Button>
              )}
            </FileButton>
            <Text size="sm">{t("import.chosen", { count: files.length })}</Text>
          </Group>
          <TextInput
            label={t("import.suffix")}
            description={t("import.suffixHelp")}
            value={suffix}
            maxLength={MAX_SUFFIX}
            onChange={(event) => setSuffix(event.currentTarget.value)}
          />
          <ErrorBox error={send.error} />
          <Group justify="flex-end">
            <Button
              loading={send.isPending}
              disabled={files.length === 0}
              onClick={() => send.mutate()}
            >
              {t("import.start")}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
};
