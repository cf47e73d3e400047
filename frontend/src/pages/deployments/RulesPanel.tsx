import { Button, Group, Select, SimpleGrid, Stack, Text, TextInput } from "@mantine/core";
import { type UseFormReturnType, useForm } from "@mantine/form";
import { useTranslation } from "react-i18next";
import type { Deployment, Rule } from "@/api/types";
import { ErrorBox } from "@/ui/ErrorBox";
import { Panel } from "@/ui/Panel";
import { type DeploymentChange, faultOf, isUnderWay } from "./useDeploymentChange";

const MOST = 100;

type Line = {
  key: number;
  name: string;
  pattern: string;
  label: string;
  when: string;
  ifLabel: string;
};
type Values = { rules: Line[] };

const lineOf = (rule: Rule, key: number): Line => ({
  key,
  name: rule.name,
  pattern: rule.pattern,
  label: rule.label,
  when: rule.when ?? "before",
  ifLabel: rule.if_label ?? "",
});

const ruleOf = ({ name, pattern, label, when, ifLabel }: Line): Rule => ({
  name: name.trim() || pattern.trim(),
  pattern,
  label,
  when: when === "after" ? "after" : "before",
  if_label: when === "after" && ifLabel.trim() ? ifLabel.trim() : null,
});

type LineProps = { form: UseFormReturnType<Values>; index: number };

const RuleLine = ({ form, index }: LineProps) => {
  const { t } = useTranslation("deployments");
  const number = index + 1;
  const at = <Name extends keyof Line>(name: Name) => form.getInputProps(`rules.${index}.${name}`);
  const after = form.values.rules[index]?.when === "after";
  return (
    <fieldset style={{ border: 0, margin: 0, padding: 0 }}>
      <Text component="legend" size="sm" fw={600}>
        {t("rules.rule", { number })}
      </Text>
      <SimpleGrid cols={{ base: 1, sm: 2, lg: after ? 5 : 4 }} spacing="sm">
        <TextInput label={t("rules.pattern")} required {...at("pattern")} />
        <TextInput label={t("rules.label")} required {...at("label")} />
        <Select
          label={t("rules.when")}
          data={(["before", "after"] as const).map((value) => ({
            value,
            label: t(`rules.${value}`),
          }))}
          allowDeselect={false}
          {...at("when")}
        />
        {after ? (
          <TextInput label={t("rules.ifLabel")} placeholder={t("rules.any")} {...at("ifLabel")} />
        ) : null}
        <TextInput
          label={t("rules.name")}
          placeholder={form.values.rules[index]?.pattern ?? ""}
          {...at("name")}
        />
      </SimpleGrid>
      <Group gap="sm" mt="xs">
        <Button
          size="xs"
          variant="default"
          disabled={index === 0}
          onClick={() => form.reorderListItem("rules", { from: index, to: index - 1 })}
        >
          {t("rules.up", { number })}
        </Button>
        <Button size="xs" variant="default" onClick={() => form.removeListItem("rules", index)}>
          {t("rules.remove", { number })}
        </Button>
      </Group>
    </fieldset>
  );
};

type Props = { row: Deployment; change: DeploymentChange };

/** Words that decide a text before the model, or after it. */
export const RulesPanel = ({ row, change }: Props) => {
  const { t } = useTranslation("deployments");
  const form = useForm<Values>({ initialValues: { rules: row.rules.map(lineOf) } });
  const { rules } = form.values;
  const add = () =>
    form.insertListItem("rules", lineOf({ name: "", pattern: "", label: "" }, Date.now()));
  const saved = change.isSuccess && change.variables?.action === "rules" && !form.isDirty();
  const submit = (values: Values) =>
    change.mutate(
      { action: "rules", rules: values.rules.map(ruleOf) },
      { onSuccess: () => form.resetDirty() },
    );
  return (
    <Panel title={t("rules.title")}>
      <form onSubmit={form.onSubmit(submit)}>
        <Stack>
          <Text size="sm" c="dimmed">
            {t("rules.lead")}
          </Text>
          {rules.length === 0 ? <Text size="sm">{t("rules.none")}</Text> : null}
          {rules.map((line, index) => (
            <RuleLine key={line.key} form={form} index={index} />
          ))}
          <ErrorBox error={faultOf(change, "rules")} />
          <Group>
            <Button variant="default" disabled={rules.length >= MOST} onClick={add}>
              {t("rules.add")}
            </Button>
            <Button type="submit" disabled={!form.isDirty()} loading={isUnderWay(change, "rules")}>
              {t("rules.save")}
            </Button>
            {saved ? <Text size="sm">{t("output.saved")}</Text> : null}
          </Group>
        </Stack>
      </form>
    </Panel>
  );
};
