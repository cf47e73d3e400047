import { Button, Group, Select, Stack, Text, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import {
  type DatasetCreate,
  datasetCreate,
  datasetPreview,
  type PreviewRequest,
} from "@/api/datasets";
import type { ColumnMapping, DatasetPreview, Task } from "@/api/types";
import { useOrg } from "@/lib/useOrg";
import { ErrorBox } from "@/ui/ErrorBox";
import { Loading } from "@/ui/Loading";
import { PageHeader } from "@/ui/PageHeader";
import { Panel } from "@/ui/Panel";
import { FileDrop } from "./FileDrop";
import { MappingFields } from "./MappingFields";
import { PreviewTable } from "./PreviewTable";
import { Report } from "./Report";

const NONE: ColumnMapping = { text: "", label: "" };

const useCreate = () => {
  const org = useOrg();
  const client = useQueryClient();
  const navigate = useNavigate();
  return useMutation({
    mutationFn: (draft: DatasetCreate) => datasetCreate(org, draft),
    onSuccess: async (dataset) => {
      await client.invalidateQueries({ queryKey: [org.id, "datasets"] });
      await navigate({
        to: "/o/$org/datasets/$datasetId",
        params: { org: org.slug, datasetId: dataset.id },
      });
    },
  });
};

const TASKS: readonly Task[] = [
  "text_classification",
  "multi_label_classification",
  "token_classification",
  "regression",
];

type LookProps = {
  preview: DatasetPreview;
  mapping: ColumnMapping;
  onTask: (task: Task) => void;
  onMapping: (mapping: ColumnMapping) => void;
};

const Look = ({ preview, mapping, onTask, onMapping }: LookProps) => {
  const { t } = useTranslation("datasets");
  return (
    <>
      <Panel title={t("new.columns")}>
        <Select
          label={t("new.task")}
          description={t(`tasks.${preview.task}_help`)}
          data={TASKS.map((task) => ({ value: task, label: t(`tasks.${task}`) }))}
          value={preview.task}
          onChange={(task) => task && onTask(task as Task)}
          allowDeselect={false}
          mb="md"
        />
        <MappingFields columns={preview.columns} value={mapping} onChange={onMapping} />
      </Panel>
      <Panel title={t("new.preview")} flush>
        <PreviewTable preview={preview} mapping={mapping} />
      </Panel>
      <Report report={preview.validation_report} />
      {preview.complete ? null : (
        <Text size="sm" c="dimmed">
          {t("new.partial")}
        </Text>
      )}
    </>
  );
};

/** File, columns, report, done. Nothing is stored before the last button. */
export const UploadPage = () => {
  const { t } = useTranslation("datasets");
  const org = useOrg();
  const [file, setFile] = useState<File>();
  const [name, setName] = useState("");
  const [chosen, setChosen] = useState<ColumnMapping>();
  const [task, setTask] = useState<Task>();
  const create = useCreate();
  const look = useMutation({
    mutationFn: (request: PreviewRequest) => datasetPreview(org, request),
  });
  const mapping = chosen ?? look.data?.column_mapping ?? NONE;
  const choose = (next: File) => {
    create.reset();
    setFile(next);
    setName(next.name.replace(/\.[^.]+$/, ""));
    setChosen(undefined);
    setTask(undefined);
    look.mutate({ file: next });
  };
  const remap = (next: ColumnMapping) => {
    setChosen(next);
    if (file && next.text && next.label && next.text !== next.label) {
      look.mutate({ file, mapping: next, task });
    }
  };
  const retask = (next: Task) => {
    setTask(next);
    if (file) look.mutate({ file, mapping: chosen, task: next });
  };
  const mapped = mapping.text !== "" && mapping.label !== "" && mapping.text !== mapping.label;
  const clean = look.data?.validation_report.errors.length === 0;
  const ready = file !== undefined && name.trim() !== "" && mapped && clean && !look.isPending;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (file && ready && look.data) {
      create.mutate({ file, name: name.trim(), mapping, task: task ?? look.data.task });
    }
  };
  return (
    <>
      <PageHeader title={t("new.title")} lead={t("new.lead")} />
      <form onSubmit={submit}>
        <Stack gap="lg">
          <Panel title={t("new.file")}>
            <FileDrop file={file} onFile={choose} />
          </Panel>
          {look.isPending && !look.data ? <Loading /> : null}
          <ErrorBox error={look.error} />
          {look.data && !look.isError ? (
            <Look preview={look.data} mapping={mapping} onTask={retask} onMapping={remap} />
          ) : null}
          {file && look.data ? (
            <Panel>
              <Group align="flex-end">
                <TextInput
                  flex={1}
                  miw={200}
                  label={t("new.name")}
                  value={name}
                  maxLength={120}
                  onChange={(event) => setName(event.currentTarget.value)}
                />
                <Button type="submit" loading={create.isPending} disabled={!ready}>
                  {t("new.submit")}
                </Button>
              </Group>
            </Panel>
          ) : null}
          <ErrorBox error={create.error} />
        </Stack>
      </form>
    </>
  );
};
