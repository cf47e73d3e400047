import { Button, Group, Modal, Radio, Stack, Text } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import {
  type CancellationDraft,
  cancellationMake,
  cancellationQuery,
  cancellationUndo,
} from "@/api/billing";
import type { Cancellation } from "@/api/types";
import { inSentence, isCurrency } from "@/lib/format";
import { useFormat } from "@/lib/useFormat";
import { useNamed } from "@/lib/useNamed";
import { useOrg } from "@/lib/useOrg";
import { ConfirmDialog } from "@/ui/ConfirmDialog";
import { ErrorBox } from "@/ui/ErrorBox";
import { useMeterName } from "../usage/useMeterName";
import { useBillingDay } from "./useBillingDay";

type Props = { cancellation: Cancellation; onClose: () => void };

/** After either call everything that depends on the plan is asked for again. */
const useDone = (onClose: () => void) => {
  const org = useOrg();
  const client = useQueryClient();
  return async () => {
    await client.invalidateQueries({ queryKey: [org.id] });
    onClose();
  };
};

const Leave = ({ cancellation, onClose }: Props) => {
  const { t, i18n } = useTranslation(["billing", "common"]);
  const org = useOrg();
  const format = useFormat();
  const { day } = useBillingDay();
  const named = useNamed();
  const meterName = useMeterName();
  const [when, setWhen] = useState<CancellationDraft["when"]>("period_end");
  // One draft for as long as the answer stands: pressing again after a lost answer counts once.
  const draft = useMemo(() => ({ when }), [when]);
  const leave = useMutation({
    mutationFn: () => cancellationMake(org, draft),
    onSuccess: useDone(onClose),
  });
  const { plan, period_ends_at: until, returned } = cancellation;
  const date = until ? day(until) : "";
  // The money of a plan is its credit line.
  const lost = returned.map(({ unit, amount }) => {
    const name = isCurrency(unit) ? t("kinds.credit_line") : meterName(unit);
    return t("leave.unit", { amount: format.units(amount, unit), name: inSentence(name) });
  });
  return (
    <Modal
      opened
      onClose={onClose}
      title={t("leave.title")}
      centered
      closeButtonProps={{ "aria-label": t("common:close") }}
    >
      <Stack>
        <Text>{plan ? t("leave.follows", { plan: named(plan.name) }) : t("leave.nothing")}</Text>
        <Radio.Group
          label={t("leave.when")}
          value={when}
          onChange={(value) => setWhen(value === "now" ? "now" : "period_end")}
        >
          <Stack mt="xs" gap="sm">
            <Radio
              value="period_end"
              label={t("leave.later", { date })}
              description={t("leave.laterText")}
            />
            <Radio value="now" label={t("leave.now")} description={t("leave.nowText")} />
          </Stack>
        </Radio.Group>
        {when === "now" && lost.length > 0 ? (
          <Text size="sm" role="status">
            {t("leave.lost", { units: new Intl.ListFormat(i18n.language).format(lost) })}
          </Text>
        ) : null}
        <ErrorBox error={leave.error} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose} data-autofocus>
            {t("common:back")}
          </Button>
          <Button color="red" loading={leave.isPending} onClick={() => leave.mutate()}>
            {t("leave.confirm")}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
};

const Stay = ({ cancellation, onClose }: Props) => {
  const { t } = useTranslation("billing");
  const org = useOrg();
  const { day } = useBillingDay();
  const stay = useMutation({
    mutationFn: () => cancellationUndo(org),
    onSuccess: useDone(onClose),
  });
  const until = cancellation.period_ends_at;
  return (
    <ConfirmDialog
      opened
      onClose={onClose}
      onConfirm={() => stay.mutate()}
      title={t("leave.stay")}
      text={t("change.keep", { date: until ? day(until) : "" })}
      confirm={t("leave.stayConfirm")}
      busy={stay.isPending}
      error={stay.error}
      danger={false}
    />
  );
};

/** The way out of a plan that is paid, and back while it goes on. An owner's alone. */
export const LeavePlan = () => {
  const { t } = useTranslation("billing");
  const org = useOrg();
  // Kept, since the answer to one changes which of them the button would open.
  const [asked, setAsked] = useState<"leave" | "stay">();
  const { data } = useQuery({ ...cancellationQuery(org), enabled: org.role === "owner" });
  if (!data || data.status === "none") return null;
  const waits = data.status === "waiting";
  const Dialog = asked === "stay" ? Stay : Leave;
  return (
    <Group mt="md">
      <Button variant="subtle" size="xs" onClick={() => setAsked(waits ? "stay" : "leave")}>
        {waits ? t("leave.stay") : t("leave.open")}
      </Button>
      {asked ? <Dialog cancellation={data} onClose={() => setAsked(undefined)} /> : null}
    </Group>
  );
};
