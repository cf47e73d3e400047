import { Alert, Button, Stack, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { codeRedeem, redemptionsQuery } from "@/api/billing";
import type { Redemption } from "@/api/types";
import { useFormat } from "@/lib/useFormat";
import { useOrg } from "@/lib/useOrg";
import { type Column, DataTable } from "@/ui/DataTable";
import { ErrorBox } from "@/ui/ErrorBox";
import { Panel } from "@/ui/Panel";
import { QueryView } from "@/ui/QueryView";
import classes from "./CodesPanel.module.css";
import { useGain } from "./useGain";

const RedeemForm = () => {
  const { t } = useTranslation("billing");
  const org = useOrg();
  const client = useQueryClient();
  const gain = useGain();
  const form = useForm<{ code: string }>({
    initialValues: { code: "" },
    validate: { code: (value) => (value.trim() ? null : t("codes.needed")) },
  });
  const redeem = useMutation({
    mutationFn: (draft: { code: string }) => codeRedeem(org, draft),
    onSuccess: async () => {
      form.reset();
      await client.invalidateQueries({ queryKey: [org.id] });
    },
  });
  return (
    <form onSubmit={form.onSubmit(({ code }) => redeem.mutate({ code: code.trim() }))}>
      <Stack gap="sm">
        <div className={classes.row}>
          <TextInput
            label={t("codes.code")}
            autoComplete="off"
            autoCapitalize="characters"
            spellCheck={false}
            maxLength={60}
            className={classes.code}
            {...form.getInputProps("code")}
          />
          <Button type="submit" loading={redeem.isPending} className={classes.submit}>
            {t("codes.redeem")}
          </Button>
        </div>
        <ErrorBox error={redeem.error} />
        {redeem.data ? (
          <Alert variant="light" title={t("codes.done")} role="status">
            {gain(redeem.data)}
          </Alert>
        ) : null}
      </Stack>
    </form>
  );
};

const useColumns = (): Column<Redemption>[] => {
  const { t } = useTranslation("billing");
  const format = useFormat();
  const gain = useGain();
  return [
    { key: "code", title: t("codes.code"), cell: (one) => <code>{one.code}</code> },
    { key: "gain", title: t("codes.brought"), cell: gain },
    {
      key: "when",
      title: t("codes.when"),
      wide: true,
      cell: (one) => format.date(one.redeemed_at),
    },
  ];
};

/** Redeem a code; below, those redeemed. */
export const CodesPanel = () => {
  const { t } = useTranslation("billing");
  const redemptions = useQuery(redemptionsQuery(useOrg()));
  const columns = useColumns();
  return (
    <Panel title={t("codes.title")}>
      <Stack>
        <RedeemForm />
        <QueryView query={redemptions}>
          {({ data }) =>
            data.length === 0 ? null : (
              <DataTable
                caption={t("codes.past")}
                columns={columns}
                rows={data}
                rowKey={(one) => one.id}
              />
            )
          }
        </QueryView>
      </Stack>
    </Panel>
  );
};
