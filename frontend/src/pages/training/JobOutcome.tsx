import { Alert, Anchor, Button, Group, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import type { Job } from "@/api/types";
import { useCan, useOrg } from "@/lib/useOrg";
import { CopyField } from "@/ui/CopyField";
import { Panel } from "@/ui/Panel";

const Failed = ({ job }: { job: Job }) => {
  const { t, i18n } = useTranslation("training");
  const key = `failures.${job.error?.code}` as "failures.crashed";
  const known = i18n.exists(key, { ns: "training" });
  return (
    <Alert color="red" variant="light" role="alert" title={t("outcome.failed")}>
      {known ? <Text size="sm">{t(key)}</Text> : null}
      {job.error?.message && !known ? <Text size="sm">{job.error.message}</Text> : null}
    </Alert>
  );
};

/** What is there now, and the next thing to do with it. */
export const JobOutcome = ({ job }: { job: Job }) => {
  const { t } = useTranslation("training");
  const org = useOrg();
  const mayDeploy = useCan("deploy");
  if (job.status === "failed") return <Failed job={job} />;
  if (job.status !== "succeeded" || !job.fine_tuned_model) return null;
  const model = job.fine_tuned_model;
  return (
    <Panel title={t("outcome.ready")}>
      <CopyField value={model} label={t("outcome.copy")} />
      <Group mt="md">
        {mayDeploy ? (
          <Button
            component={Link}
            to="/o/$org/deployments"
            params={{ org: org.slug } as never}
            search={{ model } as never}
          >
            {t("outcome.deploy")}
          </Button>
        ) : null}
        <Button
          component={Link}
          variant="default"
          to="/o/$org/playground"
          params={{ org: org.slug } as never}
          search={{ model } as never}
        >
          {t("outcome.try")}
        </Button>
        <Anchor
          component={Link}
          to="/o/$org/models/$modelId"
          params={{ org: org.slug, modelId: model } as never}
        >
          {t("outcome.report")}
        </Anchor>
      </Group>
    </Panel>
  );
};
