/** A name that the server keeps in each language. */
import { useTranslation } from "react-i18next";

export const useNamed = () => {
  const { i18n } = useTranslation();
  return (names: Record<string, string>): string => names[i18n.language] || names.en || "";
};
