import { NumberInput, Select, SimpleGrid, Stack, Text } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Asked, recommendQuery } from "@/api/bases";
import type { Recommendation } from "@/api/types";
import { useKnown } from "@/lib/useKnown";
import { useCan, useOrg } from "@/lib/useOrg";
import { LinkAnchor } from "@/ui/links";
import { Panel } from "@/ui/Panel";
import { QueryView } from "@/ui/QueryView";
import { BaseCard } from "./BaseCard";
import classes from "./Bases.module.css";

const LANGUAGES = ["en", "zh", "de", "fr", "es", "ja", "ar"] as const;
const PREFERS = ["auto", "fast", "accurate"] as const;
const DEBOUNCE_MS = 300;
const SHOWN = 3;

const Why = ({ found }: { found: Recommendation }) => {
  const { t } = useTranslation("bases");
  const org = useOrg();
  const known = useKnown("bases");
  const tiers = useKnown("training");
  const mayTrain = useCan("train");
  return (
    <>
      <ul className={classes.reasons}>
        {found.reasons.map(({ code, message }) => (
          <li key={code}>{known("reasons", code) ?? message}</li>
        ))}
        <li>{t("recommend.tier", { tier: tiers("tiers", found.tier) ?? found.tier })}</li>
      </ul>
      {found.base.usable && mayTrain ? (
        <LinkAnchor
          to="/o/$org/training/new"
          params={{ org: org.slug }}
          search={{ model: found.base.id }}
          size="sm"
        >
          {t("recommend.begin")}
        </LinkAnchor>
      ) : null}
    </>
  );
};

/** Three questions, and the bases that answer them. */
export const Recommend = () => {
  const { t } = useTranslation("bases");
  const org = useOrg();
  const [asked, setAsked] = useState<Asked>({ prefer: "auto" });
  const [settled] = useDebouncedValue(asked, DEBOUNCE_MS);
  const found = useQuery(recommendQuery(org, settled));
  const ask = (language: string | null, rows: string | number, prefer: Asked["prefer"]) =>
    setAsked({
      prefer,
      ...(language ? { language } : {}),
      ...(typeof rows === "number" ? { rows } : {}),
    });
  return (
    <Panel title={t("recommend.title")}>
      <Stack>
        <SimpleGrid cols={{ base: 1, sm: 3 }}>
          <Select
            label={t("recommend.language")}
            placeholder={t("recommend.anyLanguage")}
            data={LANGUAGES.map((value) => ({ value, label: t(`languages.${value}`) }))}
            value={asked.language ?? null}
            onChange={(language) => ask(language, asked.rows ?? "", asked.prefer)}
            clearable
          />
          <NumberInput
            label={t("recommend.rows")}
            min={0}
            allowDecimal={false}
            value={asked.rows ?? ""}
            onChange={(rows) => ask(asked.language ?? null, rows, asked.prefer)}
          />
          <Select
            label={t("recommend.prefer")}
            data={PREFERS.map((value) => ({ value, label: t(`prefers.${value}`) }))}
            value={asked.prefer}
            onChange={(value) =>
              ask(asked.language ?? null, asked.rows ?? "", (value ?? "auto") as Asked["prefer"])
            }
            allowDeselect={false}
          />
        </SimpleGrid>
        <QueryView query={found}>
          {(data) =>
            data.length === 0 ? (
              <Text c="dimmed">{t("recommend.none")}</Text>
            ) : (
              <Stack aria-live="polite">
                {data.slice(0, SHOWN).map((each) => (
                  <BaseCard key={each.base.id} base={each.base}>
                    <Why found={each} />
                  </BaseCard>
                ))}
              </Stack>
            )
          }
        </QueryView>
      </Stack>
    </Panel>
  );
};
