import { Alert, Checkbox, Stack, Text } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { compareQuery } from "@/api/evaluations";
import { modelsQuery } from "@/api/models";
import type { Difference, Model } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { useKnown } from "@/lib/useKnown";
import { useOrg } from "@/lib/useOrg";
import { type Column, DataTable } from "@/ui/DataTable";
import { EmptyState } from "@/ui/EmptyState";
import { LinkAnchor, LinkButton } from "@/ui/links";
import { PageHeader } from "@/ui/PageHeader";
import { Panel } from "@/ui/Panel";
import { QueryView } from "@/ui/QueryView";
import classes from "./Evaluation.module.css";

const MOST = 5;
const SHARES =
  /^((accuracy|macro_f1|micro_f1|f1|subset_accuracy|precision|recall)(_low|_high)?|weighted_f1|ece)$/;

/** The end of a name tells versions apart: `suffix:id`. */
const shortOf = (name: string): string => name.split(":").slice(-2).filter(Boolean).join(":");

const useValue = () => {
  const format = useFormat();
  const known = useKnown("evaluation");
  return (one: Difference, value: unknown): string => {
    if (value === null || value === undefined) return "–";
    if (one.name === "verdict" && one.group === "evaluation") {
      return known("verdict", String(value)) ?? String(value);
    }
    if (typeof value !== "number") return String(value);
    if (one.group === "f1" || SHARES.test(one.name)) return format.percent(value);
    return Number.isInteger(value) ? format.number(value) : format.figure(value);
  };
};

const Table = ({ models, rows }: { models: readonly string[]; rows: readonly Difference[] }) => {
  const { t } = useTranslation("evaluation");
  const shown = useValue();
  const known = useKnown("evaluation");
  // A label's name is the customer's, a setting's is the API's.
  const factOf = ({ group, name }: Difference): string =>
    group === "f1" || group === "config" ? name : (known("facts", name) ?? name);
  const columns: Column<Difference>[] = [
    {
      key: "fact",
      title: t("compare.fact"),
      cell: (one) => (
        <>
          {factOf(one)}
          <Text span size="xs" c="dimmed" display="block">
            {t(`compare.groups.${one.group}`)}
          </Text>
        </>
      ),
    },
    ...models.map((model, at) => ({
      key: model,
      title: shortOf(model),
      cell: (one: Difference) => (
        <span className={classes.value}>{shown(one, one.values[at])}</span>
      ),
    })),
  ];
  return (
    <DataTable
      caption={t("compare.title")}
      columns={columns}
      rows={rows}
      rowKey={(one) => `${one.group} ${one.name}`}
    />
  );
};

const Chooser = ({ own, chosen }: { own: readonly Model[]; chosen: readonly string[] }) => {
  const { t } = useTranslation("evaluation");
  const org = useOrg();
  const navigate = useNavigate();
  const choose = (names: string[]) =>
    void navigate({
      to: "/o/$org/models/compare",
      params: { org: org.slug },
      search: names.length > 0 ? { models: names.join(",") } : {},
      replace: true,
    });
  return (
    <Panel title={t("compare.choose")}>
      <Checkbox.Group value={[...chosen]} onChange={choose} aria-label={t("compare.choose")}>
        <Stack gap="xs">
          {own.map((model) => (
            <Checkbox
              key={model.id}
              value={model.id}
              label={model.id}
              disabled={chosen.length >= MOST && !chosen.includes(model.id)}
            />
          ))}
        </Stack>
      </Checkbox.Group>
    </Panel>
  );
};

const Result = ({ chosen }: { chosen: readonly string[] }) => {
  const { t } = useTranslation("evaluation");
  const org = useOrg();
  const found = useQuery({ ...compareQuery(org, chosen), placeholderData: keepPreviousData });
  if (chosen.length < 2) return <Text c="dimmed">{t("compare.pick")}</Text>;
  return (
    <QueryView query={found}>
      {({ models, same_rows, differences }) => (
        <Stack gap="lg">
          {same_rows ? null : (
            <Alert color="straw" variant="light">
              {t("compare.otherRows")}
            </Alert>
          )}
          {differences.length === 0 ? (
            <Text c="dimmed">{t("compare.none")}</Text>
          ) : (
            <Table models={models} rows={differences} />
          )}
        </Stack>
      )}
    </QueryView>
  );
};

/** Up to five versions, and only what is not the same in all of them. */
export const ComparePage = () => {
  const { t } = useTranslation("evaluation");
  const org = useOrg();
  const search = useSearch({ strict: false });
  const models = useQuery(modelsQuery(org));
  return (
    <>
      <PageHeader
        title={t("compare.title")}
        lead={t("compare.lead")}
        above={
          <LinkAnchor to="/o/$org/models" params={{ org: org.slug }} size="sm">
            {t("compare.models")}
          </LinkAnchor>
        }
      />
      <QueryView query={models}>
        {(data) => {
          const own = data.filter((model) => model.kind === "fine_tuned");
          const names = new Set(own.map((model) => model.id));
          const chosen = (search.models ?? "").split(",").filter((name) => names.has(name));
          if (own.length < 2) {
            return (
              <EmptyState
                title={t("compare.empty.title")}
                text={t("compare.empty.text")}
                action={
                  <LinkButton to="/o/$org/training/new" params={{ org: org.slug }}>
                    {t("missing.action")}
                  </LinkButton>
                }
              />
            );
          }
          return (
            <Stack gap="lg">
              <Chooser own={own} chosen={chosen.slice(0, MOST)} />
              <Result chosen={chosen.slice(0, MOST)} />
            </Stack>
          );
        }}
      </QueryView>
    </>
  );
};
