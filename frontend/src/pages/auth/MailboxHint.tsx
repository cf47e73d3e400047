import { useTranslation } from "react-i18next";
import { boot } from "@/lib/boot";

/** On a local installation mails do not leave the machine: say where they are. */
export const MailboxHint = () => {
  const { t } = useTranslation("auth");
  if (!boot.mailbox) return null;
  return (
    <a href="/dev/mail" target="_blank" rel="noreferrer">
      {t("mailbox")}
    </a>
  );
};
