import { Text } from "@mantine/core";
import { IconAlertTriangle, IconCircleCheck, IconCircleX } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { Issue, ValidationReport } from "@/api/types";
import { Panel } from "@/ui/Panel";
import classes from "./Report.module.css";

type Props = { report: ValidationReport | null | undefined };

const Line = ({ issue, error }: { issue: Issue; error: boolean }) => {
  const { t } = useTranslation("datasets");
  const Icon = error ? IconCircleX : IconAlertTriangle;
  return (
    <li className={classes.line} data-error={error || undefined}>
      <Icon size={19} role="img" aria-label={error ? t("report.error") : t("report.warning")} />
      <Text size="sm">{issue.message}</Text>
    </li>
  );
};

/** What was found in the file: errors stop, warnings tell. */
export const Report = ({ report }: Props) => {
  const { t } = useTranslation("datasets");
  if (!report) return null;
  const clean = report.errors.length + report.warnings.length === 0;
  return (
    <Panel title={t("report.title")}>
      {clean ? (
        <div className={classes.line} data-clean>
          <IconCircleCheck size={19} aria-hidden="true" />
          <Text size="sm">{t("report.clean")}</Text>
        </div>
      ) : (
        <ul className={classes.lines}>
          {report.errors.map((issue) => (
            <Line key={`e${issue.code}${issue.message}`} issue={issue} error />
          ))}
          {report.warnings.map((issue) => (
            <Line key={`w${issue.code}${issue.message}`} issue={issue} error={false} />
          ))}
        </ul>
      )}
    </Panel>
  );
};
