import { Select, SimpleGrid, TextInput } from "@mantine/core";
import type { UseFormReturnType } from "@mantine/form";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { BillingProfileDraft } from "@/api/types";
import { countries } from "@/lib/countries";
import { asksForFapiao, FAPIAO_FIELDS, FAPIAO_KINDS, isNeeded } from "./profileForm";

const LANGUAGES = [
  { value: "en", label: "English" },
  { value: "zh-hans", label: "简体中文" },
];
/** The name a browser knows each field of an address by. */
const ADDRESS = {
  line1: "address-line1",
  line2: "address-line2",
  city: "address-level2",
  region: "address-level1",
  postal_code: "postal-code",
} as const;
const MOST = 200;

type Form = UseFormReturnType<BillingProfileDraft>;
type Props = { form: Form };

const Address = ({ form }: Props) => {
  const { t, i18n } = useTranslation("payments");
  const places = useMemo(() => countries(i18n.language), [i18n.language]);
  return (
    <SimpleGrid cols={{ base: 1, sm: 2 }}>
      {(["line1", "line2", "city", "region", "postal_code"] as const).map((name) => (
        <TextInput
          key={name}
          label={t(`profile.${name}`)}
          autoComplete={ADDRESS[name]}
          maxLength={name === "postal_code" ? 20 : MOST}
          {...form.getInputProps(name)}
        />
      ))}
      <Select
        label={t("profile.country")}
        data={places}
        searchable
        clearable
        autoComplete="off"
        nothingFoundMessage={t("profile.noCountry")}
        {...form.getInputProps("country")}
        value={form.values.country || null}
        onChange={(value) => form.setFieldValue("country", value ?? "")}
      />
    </SimpleGrid>
  );
};

export const BuyerFields = ({ form }: Props) => {
  const { t } = useTranslation("payments");
  return (
    <>
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <TextInput
          label={t("profile.legal_name")}
          autoComplete="organization"
          maxLength={MOST}
          {...form.getInputProps("legal_name")}
        />
        <TextInput
          label={t("profile.tax_id")}
          autoComplete="off"
          maxLength={50}
          {...form.getInputProps("tax_id")}
        />
        <TextInput
          label={t("profile.email")}
          description={t("profile.emailHelp")}
          type="email"
          autoComplete="email"
          maxLength={254}
          {...form.getInputProps("email")}
        />
        <Select
          label={t("profile.language")}
          description={t("profile.languageHelp")}
          data={LANGUAGES}
          allowDeselect={false}
          {...form.getInputProps("language")}
        />
      </SimpleGrid>
      <Address form={form} />
    </>
  );
};

/** What a Chinese tax invoice needs; elsewhere there is none. */
export const FapiaoFields = ({ form }: Props) => {
  const { t } = useTranslation("payments");
  if (!asksForFapiao(form.values)) return null;
  return (
    <>
      <Select
        label={t("profile.fapiao_kind")}
        description={t("profile.fapiaoHelp")}
        data={FAPIAO_KINDS.map((value) => ({
          value,
          label: t(`profile.kinds.${value || "none"}`),
        }))}
        allowDeselect={false}
        {...form.getInputProps("fapiao_kind")}
      />
      {form.values.fapiao_kind === "" ? null : (
        <SimpleGrid cols={{ base: 1, sm: 2 }}>
          {FAPIAO_FIELDS.map((name) => (
            <TextInput
              key={name}
              label={t(`profile.${name}`)}
              withAsterisk={isNeeded(name, form.values)}
              autoComplete="off"
              maxLength={MOST}
              {...form.getInputProps(name)}
            />
          ))}
        </SimpleGrid>
      )}
    </>
  );
};
