import { Button, Group, Stack, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { datasetCreate, type Mapping } from "@/api/datasets";
import { guessMapping, PREVIEW_BYTES, type Preview, previewOf } from "@/lib/table";
import { useOrg } from "@/lib/useOrg";
import { ErrorBox } from "@/ui/ErrorBox";
import { PageHeader } from "@/ui/PageHeader";
import { Panel } from "@/ui/Panel";
import { FileDrop } from "./FileDrop";
import { MappingFields } from "./MappingFields";
import { PreviewTable } from "./PreviewTable";

type Draft = { file: File; name: string; preview: Preview; mapping: Mapping };

const draftOf = async (file: File): Promise<Draft> => {
  const preview = previewOf(file.name, await file.slice(0, PREVIEW_BYTES).text());
  return {
    file,
    name: file.name.replace(/\.[^.]+$/, ""),
    preview,
    mapping: guessMapping(preview),
  };
};

/** File, columns, done: the report is on the data set's own page. */
export const UploadPage = () => {
  const { t } = useTranslation("datasets");
  const org = useOrg();
  const navigate = useNavigate();
  const client = useQueryClient();
  const [draft, setDraft] = useState<Draft>();
  const create = useMutation({
    mutationFn: (ready: Draft) => datasetCreate(org, ready),
    onSuccess: async (dataset) => {
      await client.invalidateQueries({ queryKey: [org.id, "datasets"] });
      await navigate({
        to: "/o/$org/datasets/$datasetId",
        params: { org: org.slug, datasetId: dataset.id },
      });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (draft) create.mutate(draft);
  };
  const change = (part: Partial<Draft>) => setDraft((now) => (now ? { ...now, ...part } : now));
  const choose = (file: File) => {
    create.reset();
    void draftOf(file).then(setDraft);
  };
  const ready =
    draft !== undefined &&
    draft.name.trim() !== "" &&
    draft.mapping.text !== "" &&
    draft.mapping.label !== "" &&
    draft.mapping.text !== draft.mapping.label;
  return (
    <>
      <PageHeader title={t("new.title")} lead={t("new.lead")} />
      <form onSubmit={submit}>
        <Stack gap="lg">
          <Panel title={t("new.file")}>
            <FileDrop file={draft?.file} onFile={choose} />
          </Panel>
          {draft ? (
            <>
              <Panel title={t("new.columns")}>
                <MappingFields
                  columns={draft.preview.columns}
                  value={draft.mapping}
                  onChange={(mapping) => change({ mapping })}
                />
              </Panel>
              <Panel title={t("new.preview")} flush>
                <PreviewTable preview={draft.preview} mapping={draft.mapping} />
              </Panel>
              <Panel>
                <TextInput
                  label={t("new.name")}
                  value={draft.name}
                  onChange={(event) => change({ name: event.currentTarget.value })}
                  required
                />
              </Panel>
            </>
          ) : null}
          <ErrorBox error={create.error} />
          {draft ? (
            <Group justify="flex-end">
              <Button type="submit" loading={create.isPending} disabled={!ready}>
                {t("new.submit")}
              </Button>
            </Group>
          ) : null}
        </Stack>
      </form>
    </>
  );
};
