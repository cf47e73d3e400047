import { Text } from "@mantine/core";
import { IconFlask } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { boot } from "@/lib/boot";
import { useCan, useOrg } from "@/lib/useOrg";
import { EmptyState } from "@/ui/EmptyState";
import { PageHeader } from "@/ui/PageHeader";
import classes from "./BillingFrame.module.css";

const TABS = [
  { id: "overview", to: "/o/$org/billing" },
  { id: "plans", to: "/o/$org/billing/plans" },
  { id: "invoices", to: "/o/$org/billing/invoices" },
  { id: "payments", to: "/o/$org/billing/payments" },
  { id: "methods", to: "/o/$org/billing/methods" },
  { id: "outcomes", to: "/o/$org/billing/outcomes" },
  { id: "budgets", to: "/o/$org/billing/budgets" },
  { id: "notices", to: "/o/$org/billing/notices" },
] as const;

type Props = { title: string; lead?: string; action?: ReactNode; children: ReactNode };

/** Said on each page, so that nobody types a real card. */
const DemoNote = () => {
  const { t } = useTranslation("billing");
  if (!boot.demoBilling) return null;
  return (
    <div role="note" className={classes.demo}>
      <IconFlask size={20} aria-hidden="true" className={classes.flask} />
      <div>
        <Text fw={600}>{t("demo.title")}</Text>
        <Text size="sm" c="dimmed">
          {t("demo.text")}
        </Text>
      </div>
    </div>
  );
};

/** The head of the pages about money; who may not see money is told so. */
export const BillingFrame = ({ title, lead, action, children }: Props) => {
  const { t } = useTranslation("billing");
  const org = useOrg();
  if (!useCan("money")) {
    return (
      <>
        <PageHeader title={title} lead={lead} />
        <EmptyState title={t("denied.title")} text={t("denied.text")} action={null} />
      </>
    );
  }
  return (
    <>
      <PageHeader title={title} lead={lead} action={action} />
      <nav aria-label={t("tabs.label")} className={classes.tabs}>
        {TABS.map(({ id, to }) => (
          <Link
            key={id}
            to={to}
            params={{ org: org.slug }}
            activeOptions={{ exact: id === "overview", includeSearch: false }}
            className={classes.tab}
          >
            {t(`tabs.${id}`)}
          </Link>
        ))}
      </nav>
      <DemoNote />
      {children}
    </>
  );
};
