import { NumberInput, type NumberInputProps } from "@mantine/core";
import { decimalsOf } from "@/lib/money";

type Props = Omit<NumberInputProps, "decimalScale" | "rightSection"> & { currency: string };

/** A sum, with as many decimals as its currency has coins. */
export const MoneyInput = ({ currency, ...props }: Props) => (
  <NumberInput
    decimalScale={decimalsOf(currency)}
    allowNegative={false}
    thousandSeparator=" "
    hideControls
    rightSection={currency}
    rightSectionWidth={56}
    {...props}
  />
);
