import { Button, Group, SegmentedControl, Stack, Text, useMantineColorScheme } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { type Language, languageSet } from "@/i18n";
import { useLogOut } from "@/lib/useLogOut";
import { useMe, useOrg } from "@/lib/useOrg";
import { CopyField } from "@/ui/CopyField";
import { PageHeader } from "@/ui/PageHeader";
import { Panel } from "@/ui/Panel";
import { Stats } from "@/ui/Stat";
import { useLanguageSave } from "../shell/useLanguageSave";
import { SessionsPanel } from "./SessionsPanel";

const Appearance = () => {
  const { t, i18n } = useTranslation(["settings", "common"]);
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const save = useLanguageSave();
  const choose = async (language: string) => {
    await languageSet(language as Language);
    save.mutate(language as Language);
  };
  return (
    <Panel title={t("appearance.title")}>
      <Stack>
        <div>
          <Text size="sm" fw={500} mb={6}>
            {t("common:language")}
          </Text>
          <SegmentedControl
            aria-label={t("common:language")}
            value={i18n.language}
            onChange={(language) => void choose(language)}
            data={[
              { value: "en", label: "English" },
              { value: "zh-Hans", label: "简体中文" },
            ]}
          />
        </div>
        <div>
          <Text size="sm" fw={500} mb={6}>
            {t("common:theme.label")}
          </Text>
          <SegmentedControl
            aria-label={t("common:theme.label")}
            value={colorScheme}
            onChange={(scheme) => setColorScheme(scheme as "auto")}
            data={(["auto", "light", "dark"] as const).map((value) => ({
              value,
              label: t(`common:theme.${value}`),
            }))}
          />
        </div>
      </Stack>
    </Panel>
  );
};

/** The person's and the organization's own matters. */
export const SettingsPage = () => {
  const { t } = useTranslation(["settings", "common"]);
  const me = useMe();
  const org = useOrg();
  const logOut = useLogOut();
  return (
    <>
      <PageHeader title={t("title")} lead={t("lead")} />
      <Stack gap="lg">
        <Panel title={t("organization.title")}>
          <Stack>
            <Stats
              items={[
                { label: t("organization.name"), value: org.name },
                { label: t("organization.slug"), value: org.slug },
                { label: t("organization.role"), value: t(`roles.${org.role}.name`) },
              ]}
            />
            <CopyField value={org.id} label={t("organization.copy")} />
          </Stack>
        </Panel>
        <Appearance />
        <Panel title={t("account.title")}>
          <Group justify="space-between">
            <Text>{me.email}</Text>
            <Button variant="default" onClick={() => logOut.mutate()} loading={logOut.isPending}>
              {t("common:logOut")}
            </Button>
          </Group>
        </Panel>
        <SessionsPanel />
      </Stack>
    </>
  );
};
