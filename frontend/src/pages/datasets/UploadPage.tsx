import { Button, Group, MultiSelect, Select, Stack, Text, TextInput } from "@mantine/core";
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

const NONE: ColumnMapping = { text: "", label: "", meta: null };

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
  kept: string[];
  onTask: (task: Task) => void;
  onMapping: (mapping: ColumnMapping) => void;
  onKept: (columns: string[]) => void;
};

const Look = ({ preview, mapping, kept, onTask, onMapping, onKept }: LookProps) => {
  const { t } = useTranslation("datasets");
  const further = preview.column_mapping?.meta ?? [];
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
        {further.length > 0 ? (
          <MultiSelect
            label={t("new.metaColumns")}
            description={t("new.metaHelp")}
            data={further}
            value={kept}
            onChange={onKept}
            mt="md"
          />
        ) : null}
      </Panel>
      <Panel title={t("new.preview")} flush>
        <PreviewTable preview={preview} mapping={mapping} kept={kept} />
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
  const [dropped, setDropped] = useState<readonly string[]>([]);
  const create = useCreate();
  const look = useMutation({
    mutationFn: (request: PreviewRequest) => datasetPreview(org, request),
  });
  const mapping = chosen ?? look.data?.column_mapping ?? NONE;
  const further = look.data?.column_mapping?.meta ?? [];
  const kept = further.filter((column) => !dropped.includes(column));
  const choose = (next: File) => {
    create.reset();
    setFile(next);
    setName(next.name.replace(/\.[^.]+$/, ""));
    setChosen(undefined);
    setTask(undefined);
    setDropped([]);
    look.mutate({ file: next });
  };
  const remap = ({ text, label }: ColumnMapping) => {
    // All further columns are asked for again: another one may have become one.
    const next = { text, label, meta: null };
    setChosen(next);
    if (file && text && label && text !== label) {
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
      const meta = kept.length < further.length ? kept : null; // null: all, also rare ones
      const wanted = { ...mapping, meta };
      create.mutate({ file, name: name.trim(), mapping: wanted, task: task ?? look.data.task });
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
            <Look
              preview={look.data}
              mapping={mapping}
              kept={kept}
              onTask={retask}
              onMapping={remap}
              onKept={(columns) =>
                setDropped([
                  ...dropped.filter((one) => !further.includes(one)),
                  ...further.filter((one) => !columns.includes(one)),
                ])
              }
            />
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
