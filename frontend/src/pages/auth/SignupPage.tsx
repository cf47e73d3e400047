import { PasswordInput, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { signUp } from "@/api/allauth";
import { AuthForm } from "./AuthForm";
import { useAuthStep } from "./useAuthStep";

const PASSWORD_MINIMUM = 8;

export const SignupPage = () => {
  const { t } = useTranslation("auth");
  const form = useForm({
    mode: "uncontrolled",
    initialValues: { email: "", password: "" },
    validate: {
      email: (value) => (value.includes("@") ? null : t("emailNeeded")),
      password: (value) => (value.length >= PASSWORD_MINIMUM ? null : t("passwordShort")),
    },
  });
  const step = useAuthStep(form, signUp);
  return (
    <AuthForm
      title={t("signup.title")}
      lead={t("signup.lead")}
      submit={t("signup.submit")}
      busy={step.isPending}
      error={step.error}
      onSubmit={form.onSubmit((values) => step.mutate(values))}
      foot={
        <>
          {t("signup.haveAccount")} <Link to="/login">{t("signup.logIn")}</Link>
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
        description={t("passwordRule")}
        autoComplete="new-password"
        visibilityToggleButtonProps={{ "aria-label": t("showPassword") }}
        key={form.key("password")}
        {...form.getInputProps("password")}
      />
    </AuthForm>
  );
};
