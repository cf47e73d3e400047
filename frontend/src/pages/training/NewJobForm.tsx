import { Stack, Text, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { isApiError } from "@/api/errors";
import { hyperparametersQuery, jobCreate } from "@/api/training";
import type { JobCreate } from "@/api/types";
import { keyOf } from "@/lib/idempotency";
import { useOrg } from "@/lib/useOrg";
import { Panel } from "@/ui/Panel";
import { AdvancedFields } from "./AdvancedFields";
import { beginning, type Choices } from "./beginning";
import { ContractField } from "./ContractField";
import { DataFields } from "./DataFields";
import { EstimateBox } from "./EstimateBox";
import classes from "./NewJobPage.module.css";
import { PresetCards } from "./PresetCards";
import { bodyOf, continues, type JobForm, studyDenied } from "./presets";

const SUFFIX = /^([a-zA-Z0-9][a-zA-Z0-9_.-]{0,63})?$/;

const useJobForm = (choices: Choices) => {
  const { t } = useTranslation("training");
  const picked = useSearch({ from: "/o/$org" });
  return useForm<JobForm>({
    initialValues: beginning(picked, choices),
    validate: {
      dataset: (value) => (value ? null : t("form.datasetNeeded")),
      model: (value) => (value ? null : t("form.baseNeeded")),
      suffix: (value) => (SUFFIX.test(value) ? null : t("form.suffixRule")),
    },
  });
};

/** Data, base, how thorough; the price before the click. */
export const NewJobForm = ({ choices }: { choices: Choices }) => {
  const { t } = useTranslation("training");
  const org = useOrg();
  const navigate = useNavigate();
  const client = useQueryClient();
  const form = useJobForm(choices);
  const known = useQuery(hyperparametersQuery(org)).data;
  const task = choices.datasets.find(({ id }) => id === form.values.dataset)?.task;
  const denied = studyDenied(form.values, task, known?.search_tasks);
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
  return (
    <form className={classes.grid} onSubmit={form.onSubmit(() => body && submit.mutate(body))}>
      <Stack gap="lg">
        <Panel title={t("form.what")}>
          <Stack>
            <DataFields form={form} choices={choices} task={task} presets={known?.presets ?? []} />
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
          {continues(form.values) ? (
            <Text c="dimmed">{t("form.continued")}</Text>
          ) : (
            <PresetCards form={form} known={known} />
          )}
          <AdvancedFields form={form} known={known} denied={denied} task={task} body={body} />
        </Panel>
      </Stack>
      <EstimateBox body={body} busy={submit.isPending} error={submit.error} />
    </form>
  );
};
