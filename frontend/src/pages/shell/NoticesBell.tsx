import { ActionIcon, Menu, Text } from "@mantine/core";
import { useLocalStorage } from "@mantine/hooks";
import { IconBell } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { noticesQuery } from "@/api/billing";
import { countText, newestOf, noticesSorted, SEEN_KEY, unreadOf } from "@/lib/notices";
import { useFormat } from "@/lib/useFormat";
import { useOrg } from "@/lib/useOrg";
import { ErrorBox } from "@/ui/ErrorBox";
import { LinkMenuItem } from "@/ui/menuLinks";
import { useNoticeText } from "../billing/useNoticeText";
import classes from "./NoticesBell.module.css";

const SHOWN = 5;

/** The newest notices, each leading to where something can be done; opening it has read them. */
export const NoticesBell = () => {
  const { t } = useTranslation("billing");
  const org = useOrg();
  const format = useFormat();
  const noticeText = useNoticeText();
  const notices = useQuery(noticesQuery(org));
  const [seen, setSeen] = useLocalStorage({
    key: `${SEEN_KEY}-${org.id}`,
    defaultValue: 0,
    getInitialValueInEffect: false,
  });
  const all = noticesSorted(notices.data?.data ?? []);
  const unread = unreadOf(all, seen);
  const name = unread > 0 ? t("bell.unread", { count: unread }) : t("bell.name");
  return (
    <Menu position="bottom-end" width={320} onClose={() => setSeen(newestOf(all))}>
      <Menu.Target>
        <ActionIcon
          variant="subtle"
          color="gray"
          size="lg"
          aria-label={name}
          title={name}
          className={classes.bell}
        >
          <IconBell size={19} />
          {unread > 0 ? (
            <span className={classes.count} aria-hidden="true">
              {countText(unread)}
            </span>
          ) : null}
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{t("notices.title")}</Menu.Label>
        {all.slice(0, SHOWN).map((notice) => (
          <LinkMenuItem
            key={notice.id}
            to={notice.budget ? "/o/$org/billing/budgets" : "/o/$org/billing"}
            params={{ org: org.slug }}
          >
            <Text size="sm" fw={unreadOf([notice], seen) > 0 ? 600 : 400}>
              {noticeText(notice).title}
            </Text>
            <Text size="xs" c="dimmed">
              {format.ago(notice.reached_at)}
            </Text>
          </LinkMenuItem>
        ))}
        {notices.isError && !notices.data ? <ErrorBox error={notices.error} /> : null}
        {notices.data && all.length === 0 ? (
          <Text size="sm" c="dimmed" px="sm" py="xs">
            {t("bell.none")}
          </Text>
        ) : null}
        <Menu.Divider />
        <LinkMenuItem to="/o/$org/billing/notices" params={{ org: org.slug }}>
          {t("bell.all")}
        </LinkMenuItem>
      </Menu.Dropdown>
    </Menu>
  );
};
