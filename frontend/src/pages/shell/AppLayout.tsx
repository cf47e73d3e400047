import "@/styles/app";
import { AppShell, Burger, Group } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { Link, Outlet, useRouteContext } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { boot } from "@/lib/boot";
import { roleCan } from "@/lib/useOrg";
import { ErrorRemedy } from "@/ui/ErrorRemedy";
import { LanguageSwitch } from "@/ui/LanguageSwitch";
import { Logo } from "@/ui/Logo";
import { ThemeSwitch } from "@/ui/ThemeSwitch";
import { NotFoundPage } from "../system/NotFoundPage";
import { AccountMenu } from "./AccountMenu";
import classes from "./AppLayout.module.css";
import { NoticesBell } from "./NoticesBell";
import { remedy } from "./Remedies";
import { Sidebar } from "./Sidebar";
import { SuspendedNote } from "./SuspendedNote";
import { useLanguageSave } from "./useLanguageSave";

const HEADER_PX = 56;
const SIDEBAR_PX = 232;

/** The frame of every signed-in page. */
export const AppLayout = () => {
  const { t } = useTranslation("app");
  const { organization } = useRouteContext({ from: "/o/$org" });
  const [opened, menu] = useDisclosure(false);
  const saveLanguage = useLanguageSave();
  if (!organization) return <NotFoundPage />;
  return (
    <AppShell
      header={{ height: HEADER_PX }}
      navbar={{ width: SIDEBAR_PX, breakpoint: "sm", collapsed: { mobile: !opened } }}
      classNames={{ header: classes.header, navbar: classes.navbar }}
    >
      <AppShell.Header>
        <Group h="100%" px="md" gap="sm" wrap="nowrap" justify="space-between">
          <Group gap="sm" wrap="nowrap">
            <Burger
              opened={opened}
              onClick={menu.toggle}
              hiddenFrom="sm"
              size="sm"
              aria-label={t("menu")}
              aria-expanded={opened}
            />
            <Link
              to="/o/$org"
              params={{ org: organization.slug }}
              className={classes.brand}
              aria-label={t("homeLink")}
            >
              <Logo />
            </Link>
          </Group>
          <Group gap={4} wrap="nowrap">
            {boot.demoBilling ? <span className={classes.demo}>{t("demoBilling")}</span> : null}
            {roleCan(organization.role, "money") ? <NoticesBell /> : null}
            <LanguageSwitch onChange={(language) => saveLanguage.mutate(language)} />
            <ThemeSwitch />
            <AccountMenu />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar aria-label={t("navigation")}>
        <Sidebar onNavigate={menu.close} />
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1} className={classes.main}>
        <div className={classes.content}>
          <SuspendedNote />
          <ErrorRemedy value={remedy}>
            <Outlet />
          </ErrorRemedy>
        </div>
      </AppShell.Main>
    </AppShell>
  );
};
