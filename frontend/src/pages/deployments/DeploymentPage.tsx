import { Alert, Button, Group, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { deploymentQuery } from "@/api/deployments";
import type { Deployment } from "@/api/types";
import { classifySnippets } from "@/lib/snippets";
import { useFormat } from "@/lib/useFormat";
import { useCan, useOrg } from "@/lib/useOrg";
import { CodeTabs } from "@/ui/CodeTabs";
import { ConfirmDialog } from "@/ui/ConfirmDialog";
import { ErrorBox } from "@/ui/ErrorBox";
import { LinkAnchor, LinkButton } from "@/ui/links";
import { PageHeader } from "@/ui/PageHeader";
import { Panel } from "@/ui/Panel";
import { QueryView } from "@/ui/QueryView";
import { Stats } from "@/ui/Stat";
import { LogPanel } from "../predictions/LogPanel";
import { CanaryPanel } from "./CanaryPanel";
import { History } from "./History";
import { OutputPanel } from "./OutputPanel";
import { LabelsDiffer, PromotePanel } from "./PromotePanel";
import { RulesPanel } from "./RulesPanel";
import { ShadowPanel } from "./ShadowPanel";
import {
  type DeploymentChange,
  faultOf,
  isUnderWay,
  useDeploymentChange,
} from "./useDeploymentChange";

const Actions = ({ row, change }: { row: Deployment; change: DeploymentChange }) => {
  const { t } = useTranslation("deployments");
  const org = useOrg();
  const [deleting, setDeleting] = useState(false);
  const allowed = useCan("deploy");
  const several = (row.revisions?.length ?? 0) > 1;
  const turn = row.paused_at === null ? "pause" : "resume";
  return (
    <Group gap="sm">
      <LinkButton
        variant="default"
        to="/o/$org/playground"
        params={{ org: org.slug }}
        search={{ model: row.name }}
      >
        {t("try")}
      </LinkButton>
      {allowed ? (
        <>
          <Button
            variant="default"
            disabled={!several}
            loading={isUnderWay(change, "rollback")}
            onClick={() => change.mutate({ action: "rollback" })}
          >
            {t("rollback")}
          </Button>
          <Button
            variant="default"
            loading={isUnderWay(change, turn)}
            onClick={() => change.mutate({ action: turn })}
          >
            {t(turn)}
          </Button>
          <Button variant="default" onClick={() => setDeleting(true)}>
            {t("delete.open")}
          </Button>
        </>
      ) : null}
      <ConfirmDialog
        opened={deleting}
        onClose={() => setDeleting(false)}
        onConfirm={() => change.mutate({ action: "delete" })}
        title={t("delete.title", { name: row.name })}
        text={t("delete.text")}
        confirm={t("delete.confirm")}
        busy={change.isPending}
        error={faultOf(change, "delete")}
      />
    </Group>
  );
};

const View = ({ row }: { row: Deployment }) => {
  const { t } = useTranslation("deployments");
  const format = useFormat();
  const org = useOrg();
  const change = useDeploymentChange(row);
  const allowed = useCan("deploy");
  return (
    <>
      <PageHeader
        title={row.name}
        action={<Actions row={row} change={change} />}
        above={
          <LinkAnchor to="/o/$org/deployments" params={{ org: org.slug }} size="sm">
            {t("title")}
          </LinkAnchor>
        }
      />
      <Stack gap="lg">
        <ErrorBox error={faultOf(change, "rollback", "pause", "resume")} />
        {row.paused_at === null ? null : (
          <Alert color="straw" variant="light" role="status">
            {t("pausedNote", { when: format.dateTime(row.paused_at) })}
          </Alert>
        )}
        <Panel>
          <Stats
            items={[
              {
                label: t("pointsAt"),
                value: row.model,
                hint: row.canary
                  ? t("beside", { side: t("compare.canary"), ...row.canary })
                  : undefined,
              },
              { label: t("revision"), value: format.number(row.revision ?? 1) },
              {
                label: t("columns.updated"),
                value: format.ago(row.updated_at ?? row.created_at),
              },
            ]}
          />
        </Panel>
        {allowed ? <PromotePanel row={row} change={change} /> : null}
        <LabelsDiffer change={change} />
        <CanaryPanel row={row} change={change} />
        <ShadowPanel row={row} change={change} />
        {allowed ? (
          <>
            <OutputPanel key={`output-${row.id}`} row={row} change={change} />
            <RulesPanel key={`rules-${row.id}`} row={row} change={change} />
          </>
        ) : null}
        <LogPanel row={row} />
        <Panel title={t("code")}>
          <CodeTabs
            snippets={classifySnippets({
              baseUrl: location.origin,
              model: row.name,
              input: t("example"),
            })}
          />
        </Panel>
        <History revisions={row.revisions ?? []} />
      </Stack>
    </>
  );
};

export const DeploymentPage = () => {
  const { deploymentId = "" } = useParams({ strict: false });
  const deployment = useQuery(deploymentQuery(useOrg(), deploymentId));
  return <QueryView query={deployment}>{(row) => <View row={row} />}</QueryView>;
};
