/** Languages: one lazily loaded bundle each; the choice is a cookie, so that Django answers in it too. */
import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import { boot } from "@/lib/boot";
import { cookieRead, cookieWrite } from "@/lib/cookies";
import type { en } from "./en";

export const LANGUAGES = ["en", "zh-Hans"] as const;
export type Language = (typeof LANGUAGES)[number];

const COOKIE = "anneal_language";

const load: Record<Language, () => Promise<Record<string, object>>> = {
  en: async () => (await import("./en")).en,
  "zh-Hans": async () => (await import("./zh-Hans")).zhHans,
};

/** The language a tag such as `zh-CN` or `en-GB` stands for. */
export const languageOf = (tag: string | undefined): Language | undefined => {
  const lower = tag?.toLowerCase() ?? "";
  if (lower.startsWith("zh")) return "zh-Hans";
  return lower.startsWith("en") ? "en" : undefined;
};

const preferred = (): Language => {
  const tags = [cookieRead(COOKIE), boot.language, ...navigator.languages];
  return tags.map(languageOf).find((language) => language !== undefined) ?? "en";
};

const addBundle = async (language: Language): Promise<void> => {
  const bundle = await load[language]();
  for (const [namespace, texts] of Object.entries(bundle)) {
    i18next.addResourceBundle(language, namespace, texts, true, true);
  }
};

export const languageSet = async (language: Language): Promise<void> => {
  await addBundle(language);
  await i18next.changeLanguage(language);
  document.documentElement.lang = language;
  cookieWrite(COOKIE, language);
};

export const languageNow = (): Language => languageOf(i18next.language) ?? "en";

export const i18nStart = async (): Promise<void> => {
  const language = preferred();
  await i18next.use(initReactI18next).init({
    lng: language,
    resources: {},
    partialBundledLanguages: true,
    defaultNS: "common",
    interpolation: { escapeValue: false },
    react: { useSuspense: false },
    showSupportNotice: false,
  } as Parameters<typeof i18next.init>[0]);
  await addBundle(language);
  document.documentElement.lang = language;
};

declare module "i18next" {
  interface CustomTypeOptions {
    defaultNS: "common";
    resources: typeof en;
  }
}
