import { Select, Skeleton, Text } from "@mantine/core";
import type { UseFormReturnType } from "@mantine/form";
import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { checkpointsQuery } from "@/api/training";
import type { Job, Model } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { useOrg } from "@/lib/useOrg";
import { ErrorBox } from "@/ui/ErrorBox";
import { continuing } from "./beginning";
import type { JobForm, Told } from "./presets";

type FormProps = { form: UseFormReturnType<JobForm> };

/** Which of a job's checkpoints; the newest unless another is chosen. */
const CheckpointField = ({ form }: FormProps) => {
  const { t } = useTranslation("training");
  const format = useFormat();
  const kept = useQuery(checkpointsQuery(useOrg(), form.values.continueJob));
  const fit = kept.data?.data.filter((each) => each.continuable) ?? [];
  const newest = fit[0]?.id;
  const { setFieldValue } = form;
  useEffect(() => {
    if (newest) setFieldValue("continueFrom", (now: string) => now || newest);
  }, [newest, setFieldValue]);
  if (kept.isError) return <ErrorBox error={kept.error} onRetry={() => void kept.refetch()} />;
  if (!kept.data) return <Skeleton height={60} />;
  if (!newest) return <Text size="sm">{t("form.checkpointNone")}</Text>;
  return (
    <Select
      label={t("form.checkpoint")}
      data={fit.map((each) => ({
        value: each.id,
        label: t("form.checkpointOf", {
          step: format.number(each.step_number),
          ago: format.ago(each.created_at),
        }),
      }))}
      allowDeselect={false}
      {...form.getInputProps("continueFrom")}
    />
  );
};

type Props = FormProps & {
  begins: { models: readonly Model[]; jobs: readonly Job[] };
  presets: readonly Told[];
};

/** The bare base, a model made of it, or a checkpoint of a job. */
export const ContinueField = ({ form, begins: { models, jobs }, presets }: Props) => {
  const { t } = useTranslation("training");
  const { t: common } = useTranslation();
  const format = useFormat();
  const { continueFrom, continueJob } = form.values;
  if (models.length + jobs.length === 0) return null;
  const choose = (id: string | null) => {
    const model = models.find((each) => each.id === id);
    const job = jobs.find((each) => each.id === id);
    const chosen = (model && { model }) ?? (job && { job });
    form.setValues(continuing(form.values, chosen, presets));
  };
  const named = (job: Job): string =>
    [job.suffix || job.id, common(`status.${job.status}`), format.ago(job.created_at)].join(" · ");
  return (
    <>
      <Select
        label={t("form.continueFrom")}
        description={t("form.continueFromHelp")}
        placeholder={t("form.continueFromNone")}
        data={[
          { group: t("form.continueModels"), items: models.map(({ id }) => id) },
          {
            group: t("form.continueJobs"),
            items: jobs.map((job) => ({ value: job.id, label: named(job) })),
          },
        ].filter(({ items }) => items.length > 0)}
        value={continueJob || continueFrom || null}
        onChange={choose}
        clearable
      />
      {continueJob ? <CheckpointField key={continueJob} form={form} /> : null}
    </>
  );
};
