import { Button } from "@mantine/core";
import { IconLanguage } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { type Language, languageSet } from "@/i18n";
import classes from "./LanguageSwitch.module.css";

/** Each language leads to the other, named in that other language. */
const OTHER: Record<Language, { language: Language; name: string }> = {
  en: { language: "zh-Hans", name: "简体中文" },
  "zh-Hans": { language: "en", name: "English" },
};

type Props = { onChange?: (language: Language) => void };

export const LanguageSwitch = ({ onChange }: Props) => {
  const { i18n } = useTranslation();
  const { language, name } = OTHER[i18n.language as Language];
  const choose = async () => {
    await languageSet(language);
    onChange?.(language);
  };
  return (
    <Button
      variant="subtle"
      color="gray"
      size="compact-sm"
      fw={500}
      lang={language}
      aria-label={name}
      leftSection={<IconLanguage size={18} aria-hidden="true" />}
      onClick={() => void choose()}
    >
      <span className={classes.name}>{name}</span>
    </Button>
  );
};
