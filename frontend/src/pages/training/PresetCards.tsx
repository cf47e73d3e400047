import { Radio, Text } from "@mantine/core";
import type { UseFormReturnType } from "@mantine/form";
import { useTranslation } from "react-i18next";
import type { Hyperparameters } from "@/api/types";
import classes from "./NewJobPage.module.css";
import { type JobForm, PRESETS, type Preset, presetTier } from "./presets";

type Props = { form: UseFormReturnType<JobForm>; known: Hyperparameters | undefined };

/** What a preset trains is the server's to say: none can be chosen before it has. */
export const PresetCards = ({ form, known }: Props) => {
  const { t } = useTranslation("training");
  const choose = (value: string) => {
    const preset = value as Preset;
    const tier = presetTier(preset, known?.presets ?? []);
    if (tier) form.setValues({ preset, tier });
  };
  return (
    <Radio.Group value={form.values.preset} onChange={choose} label={t("form.preset")}>
      <div className={classes.cards}>
        {PRESETS.map((preset) => (
          <Radio.Card key={preset} value={preset} disabled={!known} className={classes.card ?? ""}>
            <Text fw={600}>{t(`presets.${preset}.name`)}</Text>
            <span className={classes.cardText}>{t(`presets.${preset}.text`)}</span>
          </Radio.Card>
        ))}
      </div>
    </Radio.Group>
  );
};
