import { ActionIcon, Menu } from "@mantine/core";
import { IconLogout, IconSettings, IconUserCircle } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { useLogOut } from "@/lib/useLogOut";
import { useMe, useOrg } from "@/lib/useOrg";
import { LinkMenuItem } from "@/ui/menuLinks";

export const AccountMenu = () => {
  const { t } = useTranslation(["app", "common"]);
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
          <LinkMenuItem
            key={organization.id}
            to="/o/$org"
            params={{ org: organization.slug }}
            fw={organization.id === org.id ? 600 : 400}
          >
            {organization.name}
          </LinkMenuItem>
        ))}
        <Menu.Divider />
        <LinkMenuItem
          to="/o/$org/settings"
          params={{ org: org.slug }}
          leftSection={<IconSettings size={16} />}
        >
          {t("nav.settings")}
        </LinkMenuItem>
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => logOut.mutate()}>
          {t("common:logOut")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
};
