import { Alert, Group, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { ApiError } from "@/api/errors";
import type { Job } from "@/api/types";
import { remediesOf } from "@/lib/remedies";
import { useErrorText } from "@/lib/useErrorText";
import { useKnown } from "@/lib/useKnown";
import { useCan, useOrg } from "@/lib/useOrg";
import { CopyField } from "@/ui/CopyField";
import { LinkAnchor, LinkButton } from "@/ui/links";
import { Panel } from "@/ui/Panel";
import { Remedies } from "../shell/Remedies";
import { useWarningText } from "./useWarningText";

const Failed = ({ job }: { job: Job }) => {
  const { t } = useTranslation("training");
  const { code = "", message = "" } = job.error ?? {};
  const refused = useErrorText()(new ApiError({ status: 400, code, message })).text;
  const text = useKnown("training")("failures", code) ?? refused;
  return (
    <Alert color="red" variant="light" role="alert" title={t("outcome.failed")}>
      <Text size="sm">{text}</Text>
      {text === message ? null : (
        <Text size="sm" c="dimmed" mt={4}>
          {message}
        </Text>
      )}
      <Remedies of={remediesOf({ code, param: undefined })} />
    </Alert>
  );
};

/** What went otherwise than one would expect, whatever the end. */
export const JobWarnings = ({ job }: { job: Job }) => {
  const { t } = useTranslation("training");
  const text = useWarningText();
  if (job.warnings.length === 0) return null;
  return (
    <Alert
      color="straw"
      variant="light"
      title={t("outcome.warnings", { count: job.warnings.length })}
    >
      {job.warnings.map((warning) => (
        <Text key={warning.message} size="sm">
          {text(warning)}
        </Text>
      ))}
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
          <LinkButton to="/o/$org/deployments" params={{ org: org.slug }} search={{ model }}>
            {t("outcome.deploy")}
          </LinkButton>
        ) : null}
        <LinkButton
          variant="default"
          to="/o/$org/playground"
          params={{ org: org.slug }}
          search={{ model }}
        >
          {t("outcome.try")}
        </LinkButton>
        <LinkAnchor to="/o/$org/models/$modelId" params={{ org: org.slug, modelId: model }}>
          {t("outcome.report")}
        </LinkAnchor>
      </Group>
    </Panel>
  );
};
