import { Select, TextInput } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { isApiError } from "@/api/errors";

type Props = {
  columns: readonly string[];
  value: string | null;
  error: unknown;
  onChange: (column: string) => void;
};

/** The column with the texts: one of the file's, or typed in where none could be guessed. */
export const ColumnField = ({ columns, value, error, onChange }: Props) => {
  const { t } = useTranslation("batches");
  const label = t("form.column");
  if (columns.length > 0) {
    return (
      <Select
        label={label}
        description={t("form.columnHelp")}
        data={[...columns]}
        value={value}
        onChange={(next) => next && onChange(next)}
        allowDeselect={false}
      />
    );
  }
  if (!isApiError(error) || error.param !== "text_column") return null;
  return (
    <TextInput
      label={label}
      onBlur={({ currentTarget }) => currentTarget.value && onChange(currentTarget.value)}
    />
  );
};
