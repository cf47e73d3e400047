import { NumberInput, SimpleGrid, Stack, Text } from "@mantine/core";
import type { GetInputPropsReturnType } from "@mantine/form";
import { useTranslation } from "react-i18next";
import { LIMIT_MOST, LIMITS, type LimitName } from "./limits";

type Props = { inputProps: (name: LimitName) => GetInputPropsReturnType };

export const LimitFields = ({ inputProps }: Props) => {
  const { t } = useTranslation("keys");
  return (
    <Stack gap="xs">
      <SimpleGrid cols={{ base: 1, xs: 2 }}>
        {LIMITS.map((name) => (
          <NumberInput
            key={name}
            label={t(`limits.${name}`)}
            placeholder={t("limits.none")}
            min={1}
            max={LIMIT_MOST}
            allowDecimal={false}
            allowNegative={false}
            thousandSeparator=" "
            hideControls
            {...inputProps(name)}
          />
        ))}
      </SimpleGrid>
      <Text size="sm" c="dimmed">
        {t("limits.help")}
      </Text>
    </Stack>
  );
};
