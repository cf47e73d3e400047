import { Group, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, Outlet } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { meQuery } from "@/api/account";
import { boot } from "@/lib/boot";
import { LanguageSwitch } from "@/ui/LanguageSwitch";
import { Logo } from "@/ui/Logo";
import { LinkButton } from "@/ui/links";
import { ThemeSwitch } from "@/ui/ThemeSwitch";
import classes from "./PublicLayout.module.css";

const HeaderActions = () => {
  const { t } = useTranslation();
  const me = useQuery(meQuery);
  if (me.data) {
    return (
      <LinkButton to="/o" variant="default">
        {t("openApp")}
      </LinkButton>
    );
  }
  return (
    <>
      <LinkButton to="/login" variant="subtle" color="gray" className={classes.wide}>
        {t("logIn")}
      </LinkButton>
      <LinkButton to="/signup" variant="default">
        {t("signUp")}
      </LinkButton>
    </>
  );
};

const Footer = () => {
  const { t } = useTranslation();
  return (
    <footer className={classes.footer}>
      <div className={classes.inner}>
        <Logo />
        <Text size="sm" c="dimmed" className={classes.notes}>
          {t("footer.made")}
          {boot.demoBilling ? <span>{t("footer.demoBilling")}</span> : null}
        </Text>
        <nav aria-label={t("footer.label")} className={classes.links}>
          <Link to="/pricing">{t("pricing")}</Link>
          <a href="/api/docs">{t("footer.reference")}</a>
          <Link to="/login">{t("logIn")}</Link>
          <Link to="/signup">{t("signUp")}</Link>
        </nav>
      </div>
    </footer>
  );
};

export const PublicLayout = () => {
  const { t } = useTranslation();
  return (
    <div className={classes.page}>
      <header className={classes.header}>
        <div className={classes.inner}>
          <Link to="/" aria-label={t("homeLink")} className={classes.brand}>
            <Logo />
          </Link>
          <Group gap="xs" wrap="nowrap">
            <LinkButton to="/pricing" variant="subtle" color="gray" className={classes.wide}>
              {t("pricing")}
            </LinkButton>
            <LanguageSwitch />
            <ThemeSwitch />
            <HeaderActions />
          </Group>
        </div>
      </header>
      <main id="main" tabIndex={-1} className={classes.main}>
        <Outlet />
      </main>
      <Footer />
    </div>
  );
};
