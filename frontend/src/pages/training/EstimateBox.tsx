import { Button, Skeleton, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Estimate, JobCreate } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { useOrg } from "@/lib/useOrg";
import { ErrorBox } from "@/ui/ErrorBox";
import { LinkAnchor } from "@/ui/links";
import { Panel } from "@/ui/Panel";
import { Refusal } from "../shell/Refusal";
import classes from "./NewJobPage.module.css";
import { useEstimate } from "./useEstimate";
import { useWarningText } from "./useWarningText";

/** What comes on top if the model wins, as its contract says. */
const SuccessFee = ({ fee }: { fee: NonNullable<Estimate["success_fee"]> }) => {
  const { t } = useTranslation("training");
  const format = useFormat();
  const org = useOrg();
  return (
    <div>
      <Text fw={600}>{t("estimate.fee", { fee: format.money(fee.amount, fee.currency) })}</Text>
      <Text size="sm" c="dimmed">
        {t(fee.held ? "estimate.feeHeld" : "estimate.feeInvoiced")}
      </Text>
      <LinkAnchor
        size="sm"
        to="/o/$org/billing/outcomes/$contractId"
        params={{ org: org.slug, contractId: fee.contract }}
      >
        {t("estimate.contract")}
      </LinkAnchor>
    </div>
  );
};

const Figures = ({ estimate }: { estimate: Estimate }) => {
  const { t } = useTranslation("training");
  const format = useFormat();
  const warningText = useWarningText();
  const free = Number(estimate.price) === 0;
  const { seconds_p50: usual, seconds_p90: late, measured_jobs: jobs } = estimate;
  return (
    <>
      <div>
        <Text className={classes.price}>
          {free ? t("estimate.free") : format.money(estimate.price, estimate.currency)}
        </Text>
        <Text size="sm" c="dimmed">
          {t("estimate.tokens", { tokens: format.number(estimate.trained_tokens) })}
          {estimate.exact ? null : ` ${t("estimate.sampled")}`}
        </Text>
      </div>
      {estimate.success_fee ? <SuccessFee fee={estimate.success_fee} /> : null}
      {usual === null ? null : (
        <div>
          <Text>
            {t("estimate.time", { usual: format.span(usual), late: format.span(late ?? usual) })}
          </Text>
          <Text size="sm" c="dimmed">
            {jobs > 0 ? t("estimate.measured", { count: jobs }) : t("estimate.unmeasured")}
          </Text>
        </div>
      )}
      {estimate.warnings.map((warning) => (
        <Text key={warning.message} size="sm">
          {warningText(warning)}
        </Text>
      ))}
      {estimate.allowed ? null : (
        <Refusal code={estimate.reason} otherwise={t("estimate.refused")} />
      )}
    </>
  );
};

type Props = { body: JobCreate | undefined; busy: boolean; error: unknown };

/** What it costs and how long it takes, and the one button of the page. */
export const EstimateBox = ({ body, busy, error }: Props) => {
  const { t } = useTranslation("training");
  const estimate = useEstimate(body);
  return (
    <div className={classes.sticky}>
      <Panel title={t("estimate.title")}>
        <Stack aria-live="polite">
          {body === undefined ? <Text c="dimmed">{t("estimate.choose")}</Text> : null}
          {estimate.isFetching && !estimate.data ? <Skeleton height={64} /> : null}
          {estimate.data ? <Figures estimate={estimate.data} /> : null}
          <ErrorBox error={error ?? estimate.error} />
          {/* nothing can be sent before the lists have come that the form chooses from */}
          <Button
            type="submit"
            loading={busy}
            disabled={body === undefined || estimate.data?.allowed === false}
          >
            {t("estimate.start")}
          </Button>
        </Stack>
      </Panel>
    </div>
  );
};
