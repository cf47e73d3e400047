import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useCan, useOrg } from "@/lib/useOrg";
import { EmptyState } from "@/ui/EmptyState";
import { PageHeader } from "@/ui/PageHeader";
import classes from "./BillingFrame.module.css";

const TABS = [
  { id: "overview", to: "/o/$org/billing" },
  { id: "plans", to: "/o/$org/billing/plans" },
  { id: "budgets", to: "/o/$org/billing/budgets" },
  { id: "notices", to: "/o/$org/billing/notices" },
] as const;

type Props = { title: string; lead: string; action?: ReactNode; children: ReactNode };

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
            activeOptions={{ exact: true }}
            className={classes.tab}
          >
            {t(`tabs.${id}`)}
          </Link>
        ))}
      </nav>
      {children}
    </>
  );
};
