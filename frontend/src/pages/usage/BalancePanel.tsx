import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import type { Balance } from "@/api/types";
import { balanceQuery } from "@/api/usage";
import { useFormat } from "@/lib/useFormat";
import { useCan, useOrg } from "@/lib/useOrg";
import { LevelBar } from "@/ui/LevelBar";
import { LinkAnchor } from "@/ui/links";
import { Panel } from "@/ui/Panel";
import { QueryView } from "@/ui/QueryView";
import classes from "./BalancePanel.module.css";
import { useMeterName } from "./useMeterName";

const Line = ({ balance }: { balance: Balance }) => {
  const { t } = useTranslation("usage");
  const format = useFormat();
  const meterName = useMeterName();
  const granted = Number(balance.granted);
  const left = granted > 0 ? Number(balance.available) / granted : 0;
  const figures = {
    left: format.units(balance.available, balance.unit),
    all: format.units(granted, balance.unit),
  };
  return (
    <li className={classes.line}>
      <div className={classes.head}>
        <Text fw={600}>{meterName(balance.unit)}</Text>
        <Text className="tabular">{t("balance.left", figures)}</Text>
      </div>
      <LevelBar share={left} label={meterName(balance.unit)} />
      {balance.expires_at ? (
        <Text size="sm" c="dimmed">
          {t("balance.until", { date: format.date(balance.expires_at) })}
        </Text>
      ) : null}
    </li>
  );
};

/** What is left of each unit, for those who may see it. */
export const BalancePanel = ({ linked = true }: { linked?: boolean }) => {
  const { t } = useTranslation("usage");
  const org = useOrg();
  const money = useCan("money");
  const balances = useQuery({ ...balanceQuery(org), enabled: money });
  if (!money) return null;
  return (
    <Panel
      title={t("balance.title")}
      aside={
        linked ? (
          <LinkAnchor to="/o/$org/billing" params={{ org: org.slug }} size="sm">
            {t("balance.more")}
          </LinkAnchor>
        ) : null
      }
    >
      <QueryView query={balances}>
        {({ data }) =>
          data.length === 0 ? (
            <Text c="dimmed" size="sm">
              {t("balance.none")}
            </Text>
          ) : (
            <ul className={classes.list}>
              {data.map((balance) => (
                <Line key={balance.unit} balance={balance} />
              ))}
            </ul>
          )
        }
      </QueryView>
    </Panel>
  );
};
