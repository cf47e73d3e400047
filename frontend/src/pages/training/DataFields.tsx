import { Select } from "@mantine/core";
import type { UseFormReturnType } from "@mantine/form";
import { useTranslation } from "react-i18next";
import { basesOf, type Choices, continuableOf, continuing, validationOf } from "./beginning";
import { ContinueField } from "./ContinueField";
import type { JobForm, Told } from "./presets";

type Props = {
  form: UseFormReturnType<JobForm>;
  choices: Choices;
  task: string | undefined;
  presets: readonly Told[];
};

/** What rows to learn from and be judged by, and the weights to begin with. */
export const DataFields = ({ form, choices, task, presets }: Props) => {
  const { t } = useTranslation("training");
  const { datasets } = choices;
  const { values } = form;
  const validation = validationOf(datasets, values);
  /** Other data or another base: what was to be continued may not fit it. */
  const change = (changed: Partial<JobForm>) =>
    form.setValues({ ...continuing(values, undefined, presets), ...changed });
  return (
    <>
      <Select
        label={t("form.dataset")}
        data={datasets.map(({ id, name }) => ({ value: id, label: name }))}
        nothingFoundMessage={t("form.noDataset")}
        allowDeselect={false}
        {...form.getInputProps("dataset")}
        onChange={(value) => change({ dataset: value ?? "", validation: "" })}
      />
      {validation.length > 0 ? (
        <Select
          label={t("form.validation")}
          description={t("form.validationHelp")}
          placeholder={t("form.validationNone")}
          data={validation.map(({ id, name }) => ({ value: id, label: name }))}
          clearable
          value={values.validation || null}
          onChange={(value) => form.setFieldValue("validation", value ?? "")}
        />
      ) : null}
      <Select
        label={t("form.base")}
        description={t("form.baseHelp")}
        data={basesOf(choices.models).map(({ id, name }) => ({ value: id, label: name ?? id }))}
        allowDeselect={false}
        {...form.getInputProps("model")}
        onChange={(value) => change({ model: value ?? "" })}
      />
      <ContinueField
        form={form}
        begins={continuableOf(choices, values.model, task)}
        presets={presets}
      />
    </>
  );
};
