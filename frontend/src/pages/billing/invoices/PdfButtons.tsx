import { Button, Group } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { LANGUAGES, type Language } from "@/i18n";
import { saveFile } from "@/lib/saveFile";
import { ErrorBox } from "@/ui/ErrorBox";

/** Each in its own words, as on the switch of the page. */
const NAMES: Record<Language, string> = { en: "English", "zh-Hans": "简体中文" };
const ICON_PX = 16;

type Props = {
  /** The document's number, which names the file. */
  number: string;
  load: (language: Language) => Promise<Blob>;
};

/** A document in either language, whatever the page speaks. */
export const PdfButtons = ({ number, load }: Props) => {
  const { t } = useTranslation("invoices");
  const save = useMutation({
    mutationFn: load,
    onSuccess: (blob, language) => saveFile(blob, `${number}-${language}.pdf`),
  });
  return (
    <>
      <Group gap="xs">
        {LANGUAGES.map((language) => (
          <Button
            key={language}
            variant="default"
            size="xs"
            leftSection={<IconDownload size={ICON_PX} aria-hidden="true" />}
            aria-label={t("pdf.named", {
              number,
              open: t("pdf.open", { language: NAMES[language] }),
            })}
            loading={save.isPending && save.variables === language}
            onClick={() => save.mutate(language)}
          >
            {t("pdf.open", { language: NAMES[language] })}
          </Button>
        ))}
      </Group>
      <ErrorBox error={save.error} />
    </>
  );
};
