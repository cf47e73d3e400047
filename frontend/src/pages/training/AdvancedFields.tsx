import { Accordion, NumberInput, Select, SimpleGrid, Text, Title } from "@mantine/core";
import type { UseFormReturnType } from "@mantine/form";
import { useTranslation } from "react-i18next";
import type { Hyperparameters } from "@/api/types";
import { HyperparameterField, ORDER } from "./HyperparameterField";
import classes from "./NewJobPage.module.css";
import { fieldsOf, groupsOf, type JobForm, presetOf, TIERS, type TierChoice } from "./presets";
import { StudyFields } from "./StudyFields";

type Props = { form: UseFormReturnType<JobForm>; known: Hyperparameters | undefined };

/** Everything here is "auto" until somebody knows better. */
export const AdvancedFields = ({ form, known }: Props) => {
  const { t } = useTranslation("training");
  const { tier, preset, values } = form.values;
  const choose = (value: string | null) => {
    if (!value) return;
    const chosen = value as TierChoice;
    form.setValues({ tier: chosen, preset: presetOf(chosen, preset) });
  };
  const named = known?.presets.find(({ name }) => name === preset)?.values ?? {};
  const groups = groupsOf(fieldsOf(known?.data ?? [], tier, values));
  return (
    <Accordion mt="md" variant="default" order={3}>
      <Accordion.Item value="advanced">
        <Accordion.Control>{t("form.advanced")}</Accordion.Control>
        <Accordion.Panel>
          <Text size="sm" c="dimmed" mb="md">
            {t("form.advancedLead")}
          </Text>
          <SimpleGrid cols={{ base: 1, sm: 2 }} className={classes.fields ?? ""}>
            <Select
              label={t("form.tier")}
              inputWrapperOrder={ORDER}
              description={t(`tierHelp.${tier}`)}
              data={TIERS.map((value) => ({ value, label: t(`tiers.${value}`) }))}
              value={tier}
              onChange={choose}
              allowDeselect={false}
            />
            <NumberInput
              label={t("form.seed")}
              inputWrapperOrder={ORDER}
              description={t("form.seedHelp")}
              placeholder={t("form.auto")}
              min={0}
              allowDecimal={false}
              {...form.getInputProps("seed")}
            />
            <NumberInput
              label={t("form.maxCharge")}
              inputWrapperOrder={ORDER}
              description={t("form.maxChargeHelp")}
              placeholder={t("form.noLimit")}
              min={0}
              {...form.getInputProps("maxCharge")}
            />
          </SimpleGrid>
          <StudyFields form={form} />
          {groups.map(([group, fields]) => (
            <section key={group}>
              <Title order={4} size="sm" mt="lg" mb="xs">
                {t(`groups.${group}`)}
              </Title>
              <SimpleGrid cols={{ base: 1, sm: 2 }} className={classes.fields ?? ""}>
                {fields.map((field) => (
                  <HyperparameterField
                    key={field.name}
                    field={field}
                    preset={named[field.name]}
                    value={values[field.name] ?? ""}
                    onChange={(value) => form.setFieldValue(`values.${field.name}`, value)}
                  />
                ))}
              </SimpleGrid>
            </section>
          ))}
        </Accordion.Panel>
      </Accordion.Item>
    </Accordion>
  );
};
