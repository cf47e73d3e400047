import { Button, Group, NumberInput, Select } from "@mantine/core";
import { useState } from "react";
import type { ModelShare } from "@/api/deployments";
import { useOtherModels } from "./useOtherModels";

type Props = {
  /** The model that answers, which cannot be chosen. */
  main: string;
  now: ModelShare | null;
  usual: number;
  most: number;
  labels: { model: string; percent: string; none: string; submit: string };
  busy: boolean;
  onSubmit: (share: ModelShare) => void;
};

/** A second model, and the share of the calls that it gets. */
export const ModelShareForm = ({ main, now, usual, most, labels, busy, onSubmit }: Props) => {
  const [model, setModel] = useState<string | null>(now?.model ?? null);
  const [percent, setPercent] = useState<number | string>(now?.percent ?? usual);
  const choices = useOtherModels(main);
  const share = Number(percent);
  const same = model === now?.model && share === now?.percent;
  return (
    <Group align="flex-end">
      <Select
        flex={1}
        miw={220}
        label={labels.model}
        data={choices}
        value={model}
        onChange={setModel}
        searchable
        nothingFoundMessage={labels.none}
      />
      <NumberInput
        w={180}
        label={labels.percent}
        min={1}
        max={most}
        allowDecimal={false}
        value={percent}
        onChange={setPercent}
      />
      <Button
        disabled={!model || share < 1 || share > most || same}
        loading={busy}
        onClick={() => model && onSubmit({ model, percent: share })}
      >
        {labels.submit}
      </Button>
    </Group>
  );
};
