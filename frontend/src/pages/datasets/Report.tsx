import { Text } from "@mantine/core";
import { IconAlertTriangle, IconCircleCheck, IconCircleX } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { Issue, ValidationReport } from "@/api/types";
import { useKnown } from "@/lib/useKnown";
import { Panel } from "@/ui/Panel";
import classes from "./Report.module.css";

const Line = ({ issue, error }: { issue: Issue; error: boolean }) => {
  const { t } = useTranslation("datasets");
  const known = useKnown("datasets");
  const Icon = error ? IconCircleX : IconAlertTriangle;
  return (
    <li className={classes.line} data-error={error || undefined}>
      <Icon size={19} role="img" aria-label={error ? t("report.error") : t("report.warning")} />
      <div>
        <Text size="sm">
          {known("report.codes", issue.code, { column: issue.column ?? "" }) ?? issue.message}
        </Text>
        {issue.row === undefined ? null : (
          <Text size="sm" c="dimmed">
            {t("report.seen", { count: issue.count, row: issue.row })}
          </Text>
        )}
      </div>
    </li>
  );
};

/** A code comes once, or once for a column. */
const keyOf = ({ code, column }: Issue): string => `${code} ${column ?? ""}`;

/** What was found in the file: errors stop, warnings tell. */
export const Report = ({ report }: { report: ValidationReport }) => {
  const { t } = useTranslation("datasets");
  const { errors, warnings } = report;
  return (
    <Panel title={t("report.title")}>
      {errors.length + warnings.length === 0 ? (
        <div className={classes.line} data-clean>
          <IconCircleCheck size={19} aria-hidden="true" />
          <Text size="sm">{t("report.clean")}</Text>
        </div>
      ) : (
        <ul className={classes.lines}>
          {errors.map((issue) => (
            <Line key={keyOf(issue)} issue={issue} error />
          ))}
          {warnings.map((issue) => (
            <Line key={keyOf(issue)} issue={issue} error={false} />
          ))}
        </ul>
      )}
    </Panel>
  );
};
