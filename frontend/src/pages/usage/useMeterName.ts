/** Meters and currencies by their everyday names. */
import { useTranslation } from "react-i18next";

export const useMeterName = () => {
  const { t, i18n } = useTranslation("usage");
  return (meter: string): string => {
    const key = `meters.${meter}` as "meters.prediction";
    return i18n.exists(key, { ns: "usage" }) ? t(key) : meter;
  };
};
