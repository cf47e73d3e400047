import { NumberInput, Select } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Hyperparameter } from "@/api/types";
import { useKnown } from "@/lib/useKnown";
import type { Value } from "./presets";

type Props = {
  field: Hyperparameter;
  /** What the chosen preset sets it to, if anything. */
  preset: unknown;
  value: Value;
  onChange: (value: Value) => void;
};

const DECIMALS = 7;
/** Help below the input, so that inputs side by side stand in line. */
export const ORDER: ("label" | "input" | "description" | "error")[] = [
  "label",
  "input",
  "description",
  "error",
];

/** One hyper-parameter as the server describes it: words of this page where it has any. */
export const HyperparameterField = ({ field, preset, value, onChange }: Props) => {
  const { t } = useTranslation("training");
  const known = useKnown("training");
  const { name, type, minimum, maximum } = field;
  const help = known(`fields.${name}`, "help") ?? field.help;
  const common = {
    inputWrapperOrder: ORDER,
    label: known(`fields.${name}`, "label") ?? name,
    placeholder: preset === undefined ? t("form.auto") : String(preset),
  };
  if (type === "choice") {
    const named = (choice: string) => known(`choices.${name}`, choice) ?? choice;
    return (
      <Select
        {...common}
        description={help}
        data={field.choices.map((choice) => ({ value: choice, label: named(choice) }))}
        value={value === "" ? null : String(value)}
        onChange={(chosen) => onChange(chosen ?? "")}
        clearable
      />
    );
  }
  return (
    <NumberInput
      {...common}
      description={t("form.bounds", { help, low: minimum, high: maximum })}
      {...(minimum === null ? {} : { min: minimum })}
      {...(maximum === null ? {} : { max: maximum })}
      step={type === "integer" ? 1 : 0.01}
      decimalScale={DECIMALS}
      allowDecimal={type === "number"}
      value={value}
      onChange={onChange}
    />
  );
};
