import { Button, Group, Stack, Text } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { profileQuery, profileSave } from "@/api/invoices";
import type { BillingProfile, BillingProfileDraft } from "@/api/types";
import { useOrg } from "@/lib/useOrg";
import { ErrorBox } from "@/ui/ErrorBox";
import { Panel } from "@/ui/Panel";
import { QueryView } from "@/ui/QueryView";
import { BuyerFields, FapiaoFields } from "./ProfileFields";
import {
  FAPIAO_FIELDS,
  type ProfileField,
  profileDraft,
  profileFault,
  profileValues,
} from "./profileForm";

const CHECKED: readonly ProfileField[] = ["email", ...FAPIAO_FIELDS];

const ProfileForm = ({ kept }: { kept: BillingProfile }) => {
  const { t } = useTranslation("payments");
  const org = useOrg();
  const client = useQueryClient();
  const save = useMutation({
    mutationFn: (draft: BillingProfileDraft) => profileSave(org, draft),
    onSuccess: (saved) => client.setQueryData(profileQuery(org).queryKey, saved),
  });
  const check = (field: ProfileField) => (_value: unknown, values: BillingProfileDraft) => {
    const fault = profileFault(field, values);
    return fault ? t(`faults.${fault}`) : null;
  };
  const form = useForm<BillingProfileDraft>({
    initialValues: profileValues(kept),
    validate: Object.fromEntries(CHECKED.map((field) => [field, check(field)])),
  });
  const submit = (values: BillingProfileDraft) =>
    save.mutate(profileDraft(values), { onSuccess: () => form.resetDirty() });
  return (
    <form noValidate onSubmit={form.onSubmit(submit)}>
      <Stack>
        <Text size="sm" c="dimmed">
          {t("profile.text")}
        </Text>
        <BuyerFields form={form} />
        <FapiaoFields form={form} />
        <ErrorBox error={save.error} />
        <Group>
          <Button type="submit" variant="default" loading={save.isPending}>
            {t("profile.submit")}
          </Button>
          {save.isSuccess && !form.isDirty() ? (
            <Text size="sm" role="status">
              {t("profile.saved")}
            </Text>
          ) : null}
        </Group>
      </Stack>
    </form>
  );
};

/** To whom invoices are written, from the next one on. */
export const ProfilePanel = () => {
  const { t } = useTranslation("payments");
  const profile = useQuery(profileQuery(useOrg()));
  return (
    <Panel title={t("profile.title")}>
      <QueryView query={profile}>{(data) => <ProfileForm kept={data} />}</QueryView>
    </Panel>
  );
};
