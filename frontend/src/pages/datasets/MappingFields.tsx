import { Select, SimpleGrid } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { ColumnMapping } from "@/api/types";

type Props = {
  columns: readonly string[];
  value: ColumnMapping;
  onChange: (mapping: ColumnMapping) => void;
};

export const MappingFields = ({ columns, value, onChange }: Props) => {
  const { t } = useTranslation("datasets");
  const data = [...new Set(columns.filter(Boolean))];
  const clash = value.text !== "" && value.text === value.label ? t("new.sameColumn") : null;
  return (
    <SimpleGrid cols={{ base: 1, sm: 2 }}>
      <Select
        label={t("new.textColumn")}
        description={t("new.textHelp")}
        data={data}
        value={value.text}
        onChange={(text) => onChange({ ...value, text: text ?? "" })}
        allowDeselect={false}
      />
      <Select
        label={t("new.labelColumn")}
        description={t("new.labelHelp")}
        data={data}
        value={value.label}
        error={clash}
        onChange={(label) => onChange({ ...value, label: label ?? "" })}
        allowDeselect={false}
      />
    </SimpleGrid>
  );
};
