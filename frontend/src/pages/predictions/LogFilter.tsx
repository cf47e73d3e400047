import { Button, Group, NumberInput, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useTranslation } from "react-i18next";
import type { LogFilters } from "@/api/predictions";

const MOST = 100;
const MILLI = 1000;

type Values = { label: string; model: string; below: number | string; from: string; to: string };

const NONE: Values = { label: "", model: "", below: "", from: "", to: "" };

/** The first second of a day where the reader is, or of one that is `later`: not all have 24 hours. */
const secondOf = (day: string, later = 0): number => {
  const begin = new Date(`${day}T00:00:00`);
  begin.setDate(begin.getDate() + later);
  return Math.floor(begin.getTime() / MILLI);
};

export const filtersOf = (values: Values): LogFilters => ({
  ...(values.label.trim() ? { label: values.label.trim() } : {}),
  ...(values.model.trim() ? { model: values.model.trim() } : {}),
  ...(values.below === "" ? {} : { score_below: Number(values.below) / MOST }),
  ...(values.from ? { from: secondOf(values.from) } : {}),
  ...(values.to ? { to: secondOf(values.to, 1) } : {}),
});

/** Which rows are shown. */
export const LogFilter = ({ onChange }: { onChange: (filters: LogFilters) => void }) => {
  const { t } = useTranslation("predictions");
  const form = useForm<Values>({ initialValues: NONE });
  const clear = () => {
    form.setValues(NONE);
    onChange({});
  };
  return (
    <form onSubmit={form.onSubmit((values) => onChange(filtersOf(values)))}>
      <Group align="flex-end" gap="sm">
        <TextInput label={t("filters.label")} {...form.getInputProps("label")} />
        <TextInput label={t("filters.model")} {...form.getInputProps("model")} />
        <NumberInput
          w={140}
          label={t("filters.below")}
          min={0}
          max={MOST}
          {...form.getInputProps("below")}
        />
        <TextInput type="date" label={t("filters.from")} {...form.getInputProps("from")} />
        <TextInput type="date" label={t("filters.to")} {...form.getInputProps("to")} />
        <Button type="submit">{t("filters.apply")}</Button>
        <Button variant="default" onClick={clear}>
          {t("filters.clear")}
        </Button>
      </Group>
    </form>
  );
};
