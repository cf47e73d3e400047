import {
  IconActivity,
  IconBox,
  IconChartBar,
  IconCreditCard,
  IconDatabase,
  IconHome,
  IconKey,
  IconMessage2,
  IconRocket,
  IconSettings,
  IconStack2,
  IconUsers,
  IconWebhook,
} from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { boot } from "@/lib/boot";
import { useCan, useOrg } from "@/lib/useOrg";
import { LinkNav } from "@/ui/menuLinks";
import classes from "./Sidebar.module.css";

const GROUPS = [
  { id: "start", items: [{ id: "home", to: "/o/$org", Icon: IconHome }] },
  {
    id: "build",
    items: [
      { id: "playground", to: "/o/$org/playground", Icon: IconMessage2 },
      { id: "datasets", to: "/o/$org/datasets", Icon: IconDatabase },
      { id: "training", to: "/o/$org/training", Icon: IconActivity },
      { id: "models", to: "/o/$org/models", Icon: IconBox },
    ],
  },
  {
    id: "ship",
    items: [
      { id: "deployments", to: "/o/$org/deployments", Icon: IconRocket },
      { id: "batches", to: "/o/$org/batches", Icon: IconStack2 },
      { id: "keys", to: "/o/$org/keys", Icon: IconKey },
      { id: "webhooks", to: "/o/$org/webhooks", Icon: IconWebhook },
    ],
  },
  {
    id: "account",
    items: [
      { id: "usage", to: "/o/$org/usage", Icon: IconChartBar },
      { id: "billing", to: "/o/$org/billing", Icon: IconCreditCard },
      { id: "team", to: "/o/$org/team", Icon: IconUsers },
      { id: "settings", to: "/o/$org/settings", Icon: IconSettings },
    ],
  },
] as const;

const ICON_PX = 18;

export const Sidebar = ({ onNavigate }: { onNavigate: () => void }) => {
  const { t } = useTranslation("app");
  const org = useOrg();
  const money = useCan("money");
  const webhooks = useCan("webhooks");
  return (
    <div className={classes.sidebar}>
      {GROUPS.map((group) => (
        <ul key={group.id} className={classes.group} aria-label={t(`groups.${group.id}`)}>
          {group.id === "start" ? null : (
            <li className={classes.label} aria-hidden="true">
              {t(`groups.${group.id}`)}
            </li>
          )}
          {group.items
            .filter(({ id }) => (id !== "billing" || money) && (id !== "webhooks" || webhooks))
            .map(({ id, to, Icon }) => (
              <li key={id}>
                <LinkNav
                  to={to}
                  params={{ org: org.slug }}
                  label={t(`nav.${id}`)}
                  leftSection={<Icon size={ICON_PX} stroke={1.7} aria-hidden="true" />}
                  activeOptions={{ exact: id === "home" }}
                  className={classes.link ?? ""}
                  onClick={onNavigate}
                />
              </li>
            ))}
        </ul>
      ))}
      <div className={classes.foot}>
        {boot.demoBilling ? <span>{t("demoBilling")}</span> : null}
        <a href="/api/docs">{t("reference")}</a>
      </div>
    </div>
  );
};
