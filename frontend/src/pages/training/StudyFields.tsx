import { NumberInput, SimpleGrid, Title } from "@mantine/core";
import type { UseFormReturnType } from "@mantine/form";
import { useTranslation } from "react-i18next";
import { ORDER } from "./HyperparameterField";
import classes from "./NewJobPage.module.css";
import type { JobForm } from "./presets";

const MOST_FOLDS = 10;
const MOST_TRIALS = 200;
const PRICE_DECIMALS = 6;

const whole = (value: number | string): number | "" => (typeof value === "number" ? value : "");

type Props = {
  form: UseFormReturnType<JobForm>;
  /** False where rows have no one label, which trials need. */
  search: boolean;
};

/** Train more than once before the model: to know how good it is, and to make it better. */
export const StudyFields = ({ form, search }: Props) => {
  const { t } = useTranslation("training");
  const { folds, trials, searchCharge } = form.values;
  return (
    <section>
      <Title order={4} size="sm" mt="lg" mb="xs">
        {t("study.fields")}
      </Title>
      <SimpleGrid cols={{ base: 1, sm: 2 }} className={classes.fields ?? ""}>
        <NumberInput
          label={t("study.folds")}
          inputWrapperOrder={ORDER}
          description={t(search ? "study.foldsHelp" : "study.foldsOnlyHelp")}
          placeholder={t("study.none")}
          min={2}
          max={MOST_FOLDS}
          allowDecimal={false}
          value={folds}
          onChange={(value) => form.setFieldValue("folds", whole(value))}
        />
        {search ? (
          <NumberInput
            label={t("study.trials")}
            inputWrapperOrder={ORDER}
            description={t("study.trialsHelp")}
            placeholder={t("study.none")}
            min={2}
            max={MOST_TRIALS}
            allowDecimal={false}
            value={trials}
            onChange={(value) => form.setFieldValue("trials", whole(value))}
          />
        ) : null}
        {trials === "" || !search ? null : (
          <NumberInput
            label={t("study.charge")}
            inputWrapperOrder={ORDER}
            description={t("study.chargeHelp")}
            placeholder={t("study.none")}
            min={0}
            decimalScale={PRICE_DECIMALS}
            value={searchCharge}
            onChange={(value) => form.setFieldValue("searchCharge", String(value))}
          />
        )}
      </SimpleGrid>
    </section>
  );
};
