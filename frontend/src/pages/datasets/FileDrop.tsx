import { Button, FileButton, Text } from "@mantine/core";
import { IconFileSpreadsheet } from "@tabler/icons-react";
import { type DragEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "@/lib/useFormat";
import classes from "./FileDrop.module.css";

const ACCEPT = ".csv,.tsv,.tab,.jsonl,.ndjson,.json,.conll,.bio,.iob,.iob2,.txt";
const KILOBYTE = 1024;

type Props = {
  file: File | undefined;
  onFile: (file: File) => void;
  /** Which files may be chosen, and how that is said; those of datasets unless given. */
  accept?: string;
  formats?: string;
};

export const FileDrop = ({ file, onFile, accept = ACCEPT, formats }: Props) => {
  const { t } = useTranslation("datasets");
  const format = useFormat();
  const [over, setOver] = useState(false);
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    const dropped = event.dataTransfer.files.item(0);
    if (dropped) onFile(dropped);
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dropping is an extra; the button inside does the same
    <div
      className={classes.drop}
      data-over={over || undefined}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <IconFileSpreadsheet size={30} stroke={1.4} aria-hidden="true" />
      <div className={classes.words}>
        <Text fw={600}>{file ? file.name : t("new.drop")}</Text>
        <Text size="sm" c="dimmed">
          {file
            ? t("new.size", { size: format.number(Math.ceil(file.size / KILOBYTE)) })
            : (formats ?? t("new.formats"))}
        </Text>
      </div>
      <FileButton
        accept={accept}
        onChange={(chosen) => chosen && onFile(chosen)}
        inputProps={{ "aria-label": t("new.file") }}
      >
        {(props) => (
          <Button {...props} variant="default">
            {file ? t("new.other") : t("new.choose")}
          </Button>
        )}
      </FileButton>
    </div>
  );
};
