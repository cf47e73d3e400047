import { Accordion, NumberInput, Select, SimpleGrid } from "@mantine/core";
import type { UseFormReturnType } from "@mantine/form";
import { useTranslation } from "react-i18next";
import { type JobForm, presetOf, TIERS, type TierChoice } from "./presets";

/** Everything here is "auto" until somebody knows better. */
export const AdvancedFields = ({ form }: { form: UseFormReturnType<JobForm> }) => {
  const { t } = useTranslation("training");
  const auto = t("form.auto");
  const tier = (value: string | null) => {
    if (!value) return;
    const chosen = value as TierChoice;
    form.setValues({ tier: chosen, preset: presetOf(chosen, form.values.preset) });
  };
  return (
    <Accordion mt="md" variant="default" order={3}>
      <Accordion.Item value="advanced">
        <Accordion.Control>{t("form.advanced")}</Accordion.Control>
        <Accordion.Panel>
          <SimpleGrid cols={{ base: 1, sm: 2 }}>
            <Select
              label={t("form.tier")}
              description={t("form.tierHelp")}
              data={TIERS.map((value) => ({ value, label: t(`tiers.${value}`) }))}
              value={form.values.tier}
              onChange={tier}
              allowDeselect={false}
            />
            <NumberInput
              label={t("form.epochs")}
              description={t("form.epochsHelp")}
              placeholder={auto}
              min={1}
              max={100}
              allowDecimal={false}
              {...form.getInputProps("epochs")}
            />
            <NumberInput
              label={t("form.learningRate")}
              description={t("form.learningRateHelp")}
              placeholder={auto}
              min={0}
              max={1}
              step={0.0001}
              decimalScale={7}
              {...form.getInputProps("learningRate")}
            />
            <NumberInput
              label={t("form.batchTokens")}
              description={t("form.batchTokensHelp")}
              placeholder={auto}
              min={64}
              max={65_536}
              step={512}
              allowDecimal={false}
              {...form.getInputProps("batchTokens")}
            />
            <NumberInput
              label={t("form.seed")}
              description={t("form.seedHelp")}
              placeholder={auto}
              min={0}
              allowDecimal={false}
              {...form.getInputProps("seed")}
            />
          </SimpleGrid>
        </Accordion.Panel>
      </Accordion.Item>
    </Accordion>
  );
};
