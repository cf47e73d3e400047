/** Languages: one lazily loaded bundle each; the choice is a cookie, so that Django answers in it too. */
import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import { boot } from "@/lib/boot";
import { cookieRead, cookieWrite } from "@/lib/cookies";
import type { en } from "./en";

export const LANGUAGES = ["en", "zh-Hans"] as const;
export type Language = (typeof LANGUAGES)[number];

const COOKIE = "anneal_language";

type Part = "public" | "app";
type Texts = Record<string, object>;

const load: Record<Language, Record<Part, () => Promise<Texts>>> = {
  en: {
    public: async () => (await import("./en/public")).enPublic,
    app: async () => (await import("./en/app")).enApp,
  },
  "zh-Hans": {
    public: async () => (await import("./zh-Hans/public")).zhHansPublic,
    app: async () => (await import("./zh-Hans/app")).zhHansApp,
  },
};

/** The parts this visit needs; a change of language loads the same ones. */
const parts = new Set<Part>(["public"]);

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

const addTexts = async (language: Language): Promise<void> => {
  const bundles = await Promise.all([...parts].map((part) => load[language][part]()));
  for (const [namespace, texts] of bundles.flatMap((bundle) => Object.entries(bundle))) {
    i18next.addResourceBundle(language, namespace, texts, true, true);
  }
};

/** Called before a signed-in page is shown. */
export const appTextsLoad = async (): Promise<void> => {
  if (parts.has("app")) return;
  parts.add("app");
  await addTexts(languageNow());
};

export const languageSet = async (language: Language): Promise<void> => {
  await addTexts(language);
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
  await addTexts(language);
  document.documentElement.lang = language;
};

declare module "i18next" {
  interface CustomTypeOptions {
    defaultNS: "common";
    resources: typeof en;
  }
}
