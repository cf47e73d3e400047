import { Group, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { predictionLogQuery } from "@/api/predictions";
import type { Deployment, PredictionLog } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { useCan, useOrg } from "@/lib/useOrg";
import { LinkButton } from "@/ui/links";
import { Panel } from "@/ui/Panel";
import { QueryView } from "@/ui/QueryView";
import { Stats } from "@/ui/Stat";
import { LogForget } from "./LogForget";
import { LogForm } from "./LogForm";

const COUNTED = 100_000;

const Figures = ({ log }: { log: PredictionLog }) => {
  const { t } = useTranslation("predictions");
  const format = useFormat();
  const sum = (name: "kept" | "dropped"): number =>
    log.days_counted.reduce((total, day) => total + day[name], 0);
  const rows = format.number(log.rows);
  return (
    <Stats
      items={[
        { label: t("rows"), value: log.rows < COUNTED ? rows : t("rowsMany", { rows }) },
        { label: t("kept"), value: format.number(sum("kept")) },
        { label: t("dropped"), value: format.number(sum("dropped")) },
      ]}
    />
  );
};

/** What is kept of the deployment's calls. */
export const LogPanel = ({ row }: { row: Deployment }) => {
  const { t } = useTranslation("predictions");
  const org = useOrg();
  const query = useQuery(predictionLogQuery(org, row.id));
  const [labels, deploys] = [useCan("label"), useCan("deploy")];
  return (
    <Panel title={t("title")}>
      <Stack>
        <Text size="sm" c="dimmed">
          {t("lead")}
        </Text>
        <QueryView query={query}>
          {(log) => (
            <>
              <Text>
                {log.enabled ? t("on", { percent: log.percent, days: log.days }) : t("off")}
              </Text>
              {log.enabled || log.rows > 0 ? <Figures log={log} /> : null}
              <Group gap="sm">
                {labels ? (
                  <LinkButton
                    variant="default"
                    to="/o/$org/deployments/$deploymentId/predictions"
                    params={{ org: org.slug, deploymentId: row.id }}
                  >
                    {t("look")}
                  </LinkButton>
                ) : null}
                {deploys && log.rows > 0 ? <LogForget deployment={row.id} /> : null}
              </Group>
              {deploys ? <LogForm deployment={row.id} log={log} /> : null}
            </>
          )}
        </QueryView>
      </Stack>
    </Panel>
  );
};
