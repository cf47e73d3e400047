import { Text } from "@mantine/core";
import { ApiError } from "@/api/errors";
import { remediesOf } from "@/lib/remedies";
import { useErrorText } from "@/lib/useErrorText";
import { Remedies } from "./Remedies";

const PAYMENT_REQUIRED = 402;

type Props = {
  code: string | null;
  /** What is said of a code without a text. */
  otherwise: string;
};

/** Why an estimate says no, and where that can be mended. */
export const Refusal = ({ code, otherwise }: Props) => {
  const describe = useErrorText();
  const error = new ApiError({ status: PAYMENT_REQUIRED, code: code ?? "", message: otherwise });
  return (
    <div>
      <Text c="var(--mantine-color-error)">{describe(error).text}</Text>
      <Remedies of={remediesOf(error)} />
    </div>
  );
};
