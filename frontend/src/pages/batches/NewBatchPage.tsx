import { Button, SegmentedControl, Select, Skeleton, Stack, Text } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { batchCreate, batchEstimateQuery, batchFileUpload } from "@/api/batches";
import type { BatchCreate, BatchEstimate } from "@/api/types";
import { keyOf } from "@/lib/idempotency";
import { useFormat } from "@/lib/useFormat";
import { useOrg } from "@/lib/useOrg";
import { FileDrop } from "@/pages/datasets/FileDrop";
import { ModelPicker } from "@/pages/playground/ModelPicker";
import { ErrorBox } from "@/ui/ErrorBox";
import { Loading } from "@/ui/Loading";
import { PageHeader } from "@/ui/PageHeader";
import { Panel } from "@/ui/Panel";
import { Refusal } from "../shell/Refusal";
import { ColumnField } from "./ColumnField";

const ACCEPT = ".csv,.tsv,.tab,.jsonl,.ndjson,.json,.parquet,.txt";
const ENDPOINTS = ["/v1/classify", "/v1/embeddings"] as const;
const FIRST_MODEL = "sentiment-en";
const NAME_LENGTH = 512;
const HEAD_BYTES = 4096;

type Kind = "rows" | "requests";
type Endpoint = (typeof ENDPOINTS)[number];

/** OpenAI's request lines say so in their first words. */
const kindOf = async (file: File): Promise<Kind> =>
  (await file.slice(0, HEAD_BYTES).text()).includes('"custom_id"') ? "requests" : "rows";

const Price = ({ estimate }: { estimate: BatchEstimate }) => {
  const { t } = useTranslation("batches");
  const format = useFormat();
  const free = Number(estimate.price) === 0;
  const { currency } = estimate;
  return (
    <>
      <div>
        <Text size="xl" fw={600}>
          {free ? t("form.free") : format.estimate(estimate.price, currency)}
        </Text>
        <Text size="sm" c="dimmed">
          {t("form.online", { price: format.estimate(estimate.online_price, currency) })}
        </Text>
      </div>
      <Text>{t("form.texts", { count: estimate.items })}</Text>
      {estimate.bad > 0 ? <Text size="sm">{t("form.bad", { count: estimate.bad })}</Text> : null}
      {estimate.exact ? null : (
        <Text size="sm" c="dimmed">
          {t("form.about")}
        </Text>
      )}
      {estimate.allowed ? null : <Refusal code={estimate.reason} otherwise={t("form.refused")} />}
    </>
  );
};

const useCreate = () => {
  const org = useOrg();
  const client = useQueryClient();
  const navigate = useNavigate();
  return useMutation({
    mutationFn: (body: BatchCreate) => batchCreate(org, body, keyOf(body)),
    onSuccess: async (batch) => {
      await client.invalidateQueries({ queryKey: [org.id, "batches"] });
      await navigate({
        to: "/o/$org/batches/$batchId",
        params: { org: org.slug, batchId: batch.id },
      });
    },
  });
};

/** A file, what it holds, the price; then it runs. */
export const NewBatchPage = () => {
  const { t } = useTranslation("batches");
  const org = useOrg();
  const [file, setFile] = useState<File>();
  const [kind, setKind] = useState<Kind>("rows");
  const [model, setModel] = useState(FIRST_MODEL);
  const [endpoint, setEndpoint] = useState<Endpoint>("/v1/classify");
  const [column, setColumn] = useState<string>();
  const upload = useMutation({ mutationFn: (next: File) => batchFileUpload(org, next) });
  const create = useCreate();
  const fileId = upload.data?.id;
  const body = useMemo((): BatchCreate | undefined => {
    if (fileId === undefined || file === undefined) return undefined;
    const common = {
      input_file_id: fileId,
      completion_window: "24h",
      metadata: { name: file.name.slice(0, NAME_LENGTH) },
    };
    if (kind === "requests") return { ...common, endpoint };
    const rows = { ...common, endpoint: "/v1/classify" as const, model };
    return column === undefined ? rows : { ...rows, text_column: column };
  }, [fileId, file, kind, model, endpoint, column]);
  const estimate = useQuery(batchEstimateQuery(org, body));
  const choose = (next: File) => {
    setFile(next);
    setColumn(undefined);
    create.reset();
    upload.mutate(next);
    void kindOf(next).then(setKind);
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (body) create.mutate(body);
  };
  return (
    <>
      <PageHeader title={t("form.title")} lead={t("form.lead")} />
      <form onSubmit={submit}>
        <Stack gap="lg">
          <Panel title={t("form.file")}>
            <Stack>
              <FileDrop file={file} onFile={choose} accept={ACCEPT} formats={t("form.formats")} />
              <SegmentedControl
                aria-label={t("form.kind")}
                value={kind}
                onChange={(value) => setKind(value as Kind)}
                data={[
                  { value: "rows", label: t("form.rows") },
                  { value: "requests", label: t("form.requests") },
                ]}
              />
              {kind === "rows" ? (
                <ModelPicker value={model} onChange={setModel} />
              ) : (
                <Select
                  label={t("form.endpoint")}
                  data={[...ENDPOINTS]}
                  value={endpoint}
                  onChange={(value) => value && setEndpoint(value as Endpoint)}
                  allowDeselect={false}
                />
              )}
              {kind === "rows" ? (
                <ColumnField
                  columns={estimate.data?.columns ?? []}
                  value={column ?? estimate.data?.text_column ?? null}
                  error={estimate.error}
                  onChange={setColumn}
                />
              ) : null}
            </Stack>
          </Panel>
          {upload.isPending ? <Loading /> : null}
          <ErrorBox error={upload.error} />
          <Panel title={t("form.price")}>
            <Stack aria-live="polite">
              {body === undefined ? <Text c="dimmed">{t("form.choose")}</Text> : null}
              {estimate.isFetching && !estimate.data ? <Skeleton height={64} /> : null}
              {estimate.data ? <Price estimate={estimate.data} /> : null}
              <ErrorBox error={create.error ?? estimate.error} />
              <div>
                <Button type="submit" loading={create.isPending} disabled={!estimate.data?.allowed}>
                  {t("form.start")}
                </Button>
              </div>
            </Stack>
          </Panel>
        </Stack>
      </form>
    </>
  );
};
