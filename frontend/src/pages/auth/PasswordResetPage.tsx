import { PasswordInput, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { resetConfirm, resetRequest } from "@/api/allauth";
import { AuthForm } from "./AuthForm";
import { MailboxHint } from "./MailboxHint";
import { useAuthStep } from "./useAuthStep";

const PASSWORD_MINIMUM = 8;

const Request = ({ onSent }: { onSent: () => void }) => {
  const { t } = useTranslation("auth");
  const form = useForm({
    mode: "uncontrolled",
    initialValues: { email: "" },
    validate: { email: (value) => (value.includes("@") ? null : t("emailNeeded")) },
  });
  const step = useAuthStep(form, async ({ email }) => {
    const state = await resetRequest(email);
    onSent();
    return { ...state, pending: state.pending ?? "password_reset_by_code" };
  });
  return (
    <AuthForm
      title={t("reset.title")}
      lead={t("reset.lead")}
      submit={t("reset.submit")}
      busy={step.isPending}
      error={step.error}
      onSubmit={form.onSubmit((values) => step.mutate(values))}
      foot={<Link to="/login">{t("reset.back")}</Link>}
    >
      <TextInput
        label={t("email")}
        type="email"
        autoComplete="username"
        key={form.key("email")}
        {...form.getInputProps("email")}
      />
    </AuthForm>
  );
};

const Confirm = () => {
  const { t } = useTranslation("auth");
  const form = useForm({
    mode: "uncontrolled",
    initialValues: { key: "", password: "" },
    validate: {
      key: (value) => (value.trim() ? null : t("codeNeeded")),
      password: (value) => (value.length >= PASSWORD_MINIMUM ? null : t("passwordShort")),
    },
  });
  const step = useAuthStep(form, ({ key, password }) =>
    resetConfirm({ key: key.trim(), password }),
  );
  return (
    <AuthForm
      title={t("newPassword.title")}
      lead={
        <>
          {t("newPassword.lead")} <MailboxHint />
        </>
      }
      submit={t("newPassword.submit")}
      busy={step.isPending}
      error={step.error}
      onSubmit={form.onSubmit((values) => step.mutate(values))}
    >
      <TextInput
        label={t("code")}
        autoComplete="one-time-code"
        spellCheck={false}
        key={form.key("key")}
        {...form.getInputProps("key")}
      />
      <PasswordInput
        label={t("newPassword.password")}
        description={t("passwordRule")}
        autoComplete="new-password"
        visibilityToggleButtonProps={{ "aria-label": t("showPassword") }}
        key={form.key("password")}
        {...form.getInputProps("password")}
      />
    </AuthForm>
  );
};

/** Ask for a code, then set the new password with it. */
export const PasswordResetPage = () => {
  const [sent, setSent] = useState(false);
  return sent ? <Confirm /> : <Request onSent={() => setSent(true)} />;
};
