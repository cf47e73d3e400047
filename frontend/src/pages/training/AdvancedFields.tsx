import { Accordion, NumberInput, Select, SimpleGrid, Text, Title } from "@mantine/core";
import type { UseFormReturnType } from "@mantine/form";
import { useTranslation } from "react-i18next";
import type { Hyperparameters, JobCreate } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { HyperparameterField, ORDER } from "./HyperparameterField";
import classes from "./NewJobPage.module.css";
import {
  continues,
  groupsOf,
  type JobForm,
  openFields,
  presetOf,
  type StudyDenied,
  TIERS,
  type TierChoice,
} from "./presets";
import { StudyFields } from "./StudyFields";
import { useEstimate } from "./useEstimate";

type Props = {
  form: UseFormReturnType<JobForm>;
  known: Hyperparameters | undefined;
  denied: StudyDenied;
  /** The data's task: what does nothing in it is not offered. */
  task: string | undefined;
  body: JobCreate | undefined;
};

/** What the whole training can cost, and where a limit ends it, in words; "" until it is known. */
const useWhole = (body: JobCreate | undefined): string => {
  const { t } = useTranslation("training");
  const format = useFormat();
  const told = useEstimate(body).data;
  if (!told) return "";
  if (Number(told.price) === 0) return t("form.maxChargeFree");
  const stop = told.stops_at_tokens;
  const values = {
    price: format.money(told.price, told.currency),
    tokens: format.number(told.trained_tokens),
    stop: format.number(stop ?? 0),
  };
  return t(stop === null ? "form.maxChargeWhole" : "form.maxChargeStops", values);
};

/** Everything here is "auto" until somebody knows better. */
export const AdvancedFields = ({ form, known, denied, task, body }: Props) => {
  const { t } = useTranslation("training");
  const { tier, preset, values } = form.values;
  const choose = (value: string | null) => {
    if (!value) return;
    const chosen = value as TierChoice;
    form.setValues({ tier: chosen, preset: presetOf(chosen, preset, known?.presets ?? []) });
  };
  const named = known?.presets.find(({ name }) => name === preset)?.values ?? {};
  const groups = groupsOf(openFields(form.values, known?.data ?? [], task));
  const whole = useWhole(body);
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
              disabled={continues(form.values)}
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
              description={[t("form.maxChargeHelp"), whole].filter(Boolean).join(" ")}
              placeholder={t("form.noLimit")}
              min={0}
              {...form.getInputProps("maxCharge")}
            />
          </SimpleGrid>
          {denied === "continued" ? null : <StudyFields form={form} search={denied !== "search"} />}
          {denied ? (
            <Text size="sm" c="dimmed" mt={denied === "continued" ? "lg" : "xs"}>
              {t(`study.denied.${denied}`)}
            </Text>
          ) : null}
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
