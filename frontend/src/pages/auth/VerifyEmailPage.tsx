import { Button, TextInput, VisuallyHidden } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { emailResend, emailVerify } from "@/api/allauth";
import { ErrorBox } from "@/ui/ErrorBox";
import { AuthForm } from "./AuthForm";
import { MailboxHint } from "./MailboxHint";
import { useAuthStep } from "./useAuthStep";

export const VerifyEmailPage = () => {
  const { t } = useTranslation("auth");
  const form = useForm({
    mode: "uncontrolled",
    initialValues: { key: "" },
    validate: { key: (value) => (value.trim() ? null : t("codeNeeded")) },
  });
  const step = useAuthStep(form, ({ key }) => emailVerify(key.trim()));
  const again = useMutation({ mutationFn: emailResend });
  return (
    <AuthForm
      title={t("verify.title")}
      lead={
        <>
          {t("verify.lead")} <MailboxHint />
        </>
      }
      submit={t("verify.submit")}
      busy={step.isPending}
      error={step.error}
      onSubmit={form.onSubmit((values) => step.mutate(values))}
      foot={
        <>
          <Button
            variant="subtle"
            size="compact-sm"
            onClick={() => again.mutate()}
            loading={again.isPending}
          >
            {again.isSuccess ? t("verify.sent") : t("verify.again")}
          </Button>
          <VisuallyHidden aria-live="polite">
            {again.isSuccess ? t("verify.sent") : ""}
          </VisuallyHidden>
          <ErrorBox error={again.error} />
        </>
      }
    >
      <TextInput
        label={t("code")}
        autoComplete="one-time-code"
        autoCapitalize="characters"
        spellCheck={false}
        size="md"
        key={form.key("key")}
        {...form.getInputProps("key")}
      />
    </AuthForm>
  );
};
