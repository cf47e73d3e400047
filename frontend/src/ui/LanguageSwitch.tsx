import { Button, Menu } from "@mantine/core";
import { IconCheck, IconLanguage } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { LANGUAGES, type Language, languageSet } from "@/i18n";

import classes from "./LanguageSwitch.module.css";

const NAMES: Record<Language, string> = { en: "English", "zh-Hans": "简体中文" };

type Props = { onChange?: (language: Language) => void };

export const LanguageSwitch = ({ onChange }: Props) => {
  const { t, i18n } = useTranslation();
  const choose = async (language: Language) => {
    await languageSet(language);
    onChange?.(language);
  };
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button
          variant="subtle"
          color="gray"
          size="compact-sm"
          fw={500}
          leftSection={<IconLanguage size={18} aria-hidden="true" />}
          aria-label={t("language")}
        >
          <span className={classes.name}>{NAMES[i18n.language as Language]}</span>
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {LANGUAGES.map((language) => (
          <Menu.Item
            key={language}
            lang={language}
            onClick={() => void choose(language)}
            rightSection={language === i18n.language ? <IconCheck size={16} /> : null}
          >
            {NAMES[language]}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
};
