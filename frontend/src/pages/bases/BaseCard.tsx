import { Badge, Group, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { BaseModel } from "@/api/types";
import { languageNow } from "@/i18n";
import { useFormat } from "@/lib/useFormat";
import { useKnown } from "@/lib/useKnown";
import { StatusBadge } from "@/ui/StatusBadge";
import classes from "./Bases.module.css";

const MILLION = 1e6;
const GIGA = 1e9;

const statusOf = (base: BaseModel) => {
  if (base.usable) return { tone: "ready", key: "usable" } as const;
  return base.trainable
    ? ({ tone: "absent", key: "absent" } as const)
    : ({ tone: "absent", key: "untrainable" } as const);
};

const useFacts = (base: BaseModel): string => {
  const { t } = useTranslation("bases");
  const format = useFormat();
  const known = useKnown("bases");
  const { languages, memory_bytes: memory } = base;
  const spoken = (): string | undefined => {
    if (languages.includes("many")) return t("many");
    const [only] = languages;
    if (languages.length > 3) return t("some", { count: languages.length });
    return only ? languages.map((code) => known("languages", code) ?? code).join(", ") : undefined;
  };
  const lora = memory.lora;
  return [
    spoken(),
    t("facts.parameters", { millions: format.number(Math.round(base.size_parameters / MILLION)) }),
    t("facts.download", { megabytes: format.number(Math.round(base.size_bytes / MILLION)) }),
    base.max_length === null
      ? undefined
      : t("facts.length", { tokens: format.number(base.max_length) }),
    lora
      ? t("facts.memory", { gigabytes: format.number((lora / GIGA).toFixed(1)), tier: "lora" })
      : undefined,
    base.architecture,
    base.licence,
  ]
    .filter(Boolean)
    .join(" · ");
};

type Props = { base: BaseModel; children?: ReactNode };

/** One base: what it is, when to choose it, whether it can be used here. */
export const BaseCard = ({ base, children }: Props) => {
  const { t } = useTranslation("bases");
  const { tone, key } = statusOf(base);
  const language = languageNow();
  return (
    <article className={classes.card} aria-label={base.name}>
      <Group justify="space-between" wrap="nowrap" align="start">
        <Text fw={600}>{base.name}</Text>
        <Group gap="xs" wrap="nowrap">
          <Badge variant="default" tt="none" fw={500}>
            {t(`characters.${base.character}`)}
          </Badge>
          <StatusBadge status={tone} label={t(`status.${key}`)} />
        </Group>
      </Group>
      <Text size="sm" mt={4}>
        {base.summary[language]} {base.choose[language]}
      </Text>
      <Text size="sm" c="dimmed" mt={4}>
        {useFacts(base)}
      </Text>
      {key === "absent" && base.source.kind === "hub" ? (
        <Text size="sm" c="dimmed" mt={4}>
          {t("how")} <code>{`python3 manage.py base_add ${base.id}`}</code>
        </Text>
      ) : null}
      {children}
    </article>
  );
};
