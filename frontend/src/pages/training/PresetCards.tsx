import { Radio, Text } from "@mantine/core";
import type { UseFormReturnType } from "@mantine/form";
import { useTranslation } from "react-i18next";
import classes from "./NewJobPage.module.css";
import { type JobForm, PRESETS, type Preset, presetTier } from "./presets";

export const PresetCards = ({ form }: { form: UseFormReturnType<JobForm> }) => {
  const { t } = useTranslation("training");
  const choose = (value: string) => {
    const preset = value as Preset;
    form.setValues({ preset, tier: presetTier(preset) });
  };
  return (
    <Radio.Group value={form.values.preset} onChange={choose} label={t("form.preset")}>
      <div className={classes.cards}>
        {PRESETS.map((preset) => (
          <Radio.Card key={preset} value={preset} className={classes.card ?? ""}>
            <Text fw={600}>{t(`presets.${preset}.name`)}</Text>
            <span className={classes.cardText}>{t(`presets.${preset}.text`)}</span>
          </Radio.Card>
        ))}
      </div>
    </Radio.Group>
  );
};
