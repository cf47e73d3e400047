import { PasswordInput, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { Link, useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { logIn } from "@/api/allauth";
import { LinkAnchor } from "@/ui/links";
import { AuthForm } from "./AuthForm";
import { useAuthStep } from "./useAuthStep";

export const LoginPage = () => {
  const { t } = useTranslation("auth");
  const { next } = useSearch({ from: "/public/auth/login" });
  const form = useForm({
    mode: "uncontrolled",
    initialValues: { email: "", password: "" },
    validate: {
      email: (value) => (value.includes("@") ? null : t("emailNeeded")),
      password: (value) => (value ? null : t("passwordNeeded")),
    },
  });
  const step = useAuthStep(form, logIn, next);
  return (
    <AuthForm
      title={t("login.title")}
      submit={t("login.submit")}
      busy={step.isPending}
      error={step.error}
      onSubmit={form.onSubmit((values) => step.mutate(values))}
      foot={
        <>
          {t("login.noAccount")} <Link to="/signup">{t("login.signUp")}</Link>
        </>
      }
    >
      <TextInput
        label={t("email")}
        type="email"
        autoComplete="username"
        key={form.key("email")}
        {...form.getInputProps("email")}
      />
      <PasswordInput
        label={t("password")}
        autoComplete="current-password"
        visibilityToggleButtonProps={{ "aria-label": t("showPassword") }}
        key={form.key("password")}
        {...form.getInputProps("password")}
      />
      <LinkAnchor to="/password/reset" size="sm">
        {t("login.forgot")}
      </LinkAnchor>
    </AuthForm>
  );
};
