import { Select } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { modelsQuery } from "@/api/models";
import type { Model } from "@/api/types";
import { useOrg } from "@/lib/useOrg";

const KINDS = ["deployment", "fine_tuned", "shipped"] as const;

type Props = { value: string; onChange: (model: string) => void };

/** Everything `model` may name, own deployments first. */
export const ModelPicker = ({ value, onChange }: Props) => {
  const { t } = useTranslation("playground");
  const models = useQuery(modelsQuery(useOrg()));
  const all: readonly Model[] = models.data ?? [];
  const known = all.some((model) => model.id === value);
  const groups = KINDS.map((kind) => ({
    group: t(`kinds.${kind}`),
    items: all.filter((model) => model.kind === kind).map((model) => model.id),
  })).filter(({ items }) => items.length > 0);
  return (
    <Select
      label={t("model")}
      data={known ? groups : [...groups, value]}
      value={value}
      onChange={(model) => model && onChange(model)}
      allowDeselect={false}
      searchable
      nothingFoundMessage={t("noModel")}
    />
  );
};
