import { ActionIcon, Menu } from "@mantine/core";
import { IconLogout, IconSettings, IconUserCircle } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { useLogOut } from "@/lib/useLogOut";
import { useMe, useOrg } from "@/lib/useOrg";

export const AccountMenu = () => {
  const { t } = useTranslation("app");
  const me = useMe();
  const org = useOrg();
  const logOut = useLogOut();
  return (
    <Menu position="bottom-end" width={240}>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label={t("account")}>
          <IconUserCircle size={20} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{me.email}</Menu.Label>
        {me.organizations.map((organization) => (
          <Menu.Item
            key={organization.id}
            component={Link}
            to="/o/$org"
            params={{ org: organization.slug } as never}
            fw={organization.id === org.id ? 600 : 400}
          >
            {organization.name}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item
          component={Link}
          to="/o/$org/settings"
          params={{ org: org.slug } as never}
          leftSection={<IconSettings size={16} />}
        >
          {t("nav.settings")}
        </Menu.Item>
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => logOut.mutate()}>
          {t("common:logOut")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
};
