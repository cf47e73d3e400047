import { Select, Stack, Text, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useMemo } from "react";
import { useTranslation } from "react-i18next";
import { datasetsQuery } from "@/api/datasets";
import { isApiError } from "@/api/errors";
import { modelsQuery } from "@/api/models";
import { hyperparametersQuery, jobCreate } from "@/api/training";
import type { JobCreate } from "@/api/types";
import { keyOf } from "@/lib/idempotency";
import { useOrg } from "@/lib/useOrg";
import { EmptyState } from "@/ui/EmptyState";
import { LinkButton } from "@/ui/links";
import { PageHeader } from "@/ui/PageHeader";
import { Panel } from "@/ui/Panel";
import { AdvancedFields } from "./AdvancedFields";
import { ContractField } from "./ContractField";
import { EstimateBox } from "./EstimateBox";
import classes from "./NewJobPage.module.css";
import { PresetCards } from "./PresetCards";
import { bodyOf, type JobForm, presetOf, studyDenied, type TierChoice } from "./presets";

const EMPTY: JobForm = {
  dataset: "",
  model: "",
  suffix: "",
  tier: "lora",
  preset: "balanced",
  seed: "",
  folds: "",
  trials: "",
  searchCharge: "",
  continueFrom: "",
  contract: "",
  maxCharge: "",
  values: {},
};

const SUFFIX = /^[a-zA-Z0-9_.-]{0,40}$/;

const useJobForm = () => {
  const { t } = useTranslation("training");
  const { dataset, contract } = useSearch({ from: "/o/$org" });
  return useForm<JobForm>({
    initialValues: { ...EMPTY, dataset: dataset ?? "", contract: contract ?? "" },
    validate: {
      dataset: (value) => (value ? null : t("form.datasetNeeded")),
      model: (value) => (value ? null : t("form.baseNeeded")),
      suffix: (value) => (SUFFIX.test(value) ? null : t("form.suffixRule")),
    },
  });
};

const NoData = () => {
  const { t } = useTranslation("training");
  const org = useOrg();
  return (
    <>
      <PageHeader title={t("new.title")} />
      <EmptyState
        title={t("noData.title")}
        text={t("noData.text")}
        action={
          <LinkButton to="/o/$org/datasets" params={{ org: org.slug }}>
            {t("noData.action")}
          </LinkButton>
        }
      />
    </>
  );
};

/** Data, base, how thorough; the price before the click. */
export const NewJobPage = () => {
  const { t } = useTranslation("training");
  const org = useOrg();
  const navigate = useNavigate();
  const client = useQueryClient();
  const form = useJobForm();
  const datasets = useQuery(datasetsQuery(org));
  const models = useQuery(modelsQuery(org));
  const known = useQuery(hyperparametersQuery(org)).data;
  const usable = (datasets.data?.data ?? []).filter((dataset) => dataset.status === "ready");
  const bases = (models.data ?? []).filter((model) => model.kind === "base");
  const task = usable.find((dataset) => dataset.id === form.values.dataset)?.task;
  const continued = (models.data ?? []).filter(
    (model) => model.continuable && model.base === form.values.model && model.task === task,
  );
  const denied = studyDenied(form.values, task, known?.search_tasks);
  const { setFieldValue } = form;
  const firstDataset = usable[0]?.id;
  const firstBase = bases[0]?.id;
  useEffect(() => {
    if (firstBase) setFieldValue("model", (now: string) => now || firstBase);
    if (firstDataset) setFieldValue("dataset", (now: string) => now || firstDataset);
  }, [firstBase, firstDataset, setFieldValue]);
  const submit = useMutation({
    mutationFn: (body: JobCreate) => jobCreate(org, body, keyOf(body)),
    onSuccess: async (job) => {
      await client.invalidateQueries({ queryKey: [org.id, "jobs"] });
      await navigate({
        to: "/o/$org/training/$jobId",
        params: { org: org.slug, jobId: job.id },
      });
    },
    onError: (error) => {
      if (isApiError(error) && error.param === "suffix") form.setErrors(error.fields);
    },
  });
  const body = useMemo(
    () => bodyOf(form.values, known?.data, denied, task),
    [form.values, known, denied, task],
  );
  const continueFrom = (id: string | null) => {
    const tier = continued.find((model) => model.id === id)?.tier as TierChoice | undefined;
    const chosen = tier ?? form.values.tier;
    form.setValues({
      continueFrom: id ?? "",
      tier: chosen,
      preset: id ? "" : presetOf(chosen, form.values.preset, known?.presets ?? []),
    });
  };
  if (datasets.data && usable.length === 0) return <NoData />;
  return (
    <>
      <PageHeader title={t("new.title")} lead={t("new.lead")} />
      <form className={classes.grid} onSubmit={form.onSubmit(() => body && submit.mutate(body))}>
        <Stack gap="lg">
          <Panel title={t("form.what")}>
            <Stack>
              <Select
                label={t("form.dataset")}
                data={usable.map((dataset) => ({ value: dataset.id, label: dataset.name }))}
                nothingFoundMessage={t("form.noDataset")}
                allowDeselect={false}
                {...form.getInputProps("dataset")}
                onChange={(value) => {
                  continueFrom(null);
                  form.setFieldValue("dataset", value ?? "");
                }}
              />
              <Select
                label={t("form.base")}
                description={t("form.baseHelp")}
                data={bases.map((model) => ({ value: model.id, label: model.name ?? model.id }))}
                allowDeselect={false}
                {...form.getInputProps("model")}
                onChange={(value) => {
                  continueFrom(null);
                  form.setFieldValue("model", value ?? "");
                }}
              />
              {continued.length > 0 ? (
                <Select
                  label={t("form.continueFrom")}
                  description={t("form.continueFromHelp")}
                  placeholder={t("form.continueFromNone")}
                  data={continued.map(({ id }) => id)}
                  value={form.values.continueFrom || null}
                  onChange={continueFrom}
                  clearable
                />
              ) : null}
              <ContractField form={form} />
              <TextInput
                label={t("form.suffix")}
                description={t("form.suffixHelp")}
                placeholder="reviews"
                {...form.getInputProps("suffix")}
              />
            </Stack>
          </Panel>
          <Panel title={t("form.how")}>
            {form.values.continueFrom ? (
              <Text c="dimmed">{t("form.continued")}</Text>
            ) : (
              <PresetCards form={form} known={known} />
            )}
            <AdvancedFields form={form} known={known} denied={denied} task={task} body={body} />
          </Panel>
        </Stack>
        <EstimateBox body={body} busy={submit.isPending} error={submit.error} />
      </form>
    </>
  );
};
