import { Select } from "@mantine/core";
import type { UseFormReturnType } from "@mantine/form";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { contractsQuery } from "@/api/outcomes";
import { useNamed } from "@/lib/useNamed";
import { useCan, useOrg } from "@/lib/useOrg";
import { useSubjectName } from "../billing/outcomes/useSubjects";
import type { JobForm } from "./presets";

/** Where an accepted contract waits for a job, the job can be put under it. */
export const ContractField = ({ form }: { form: UseFormReturnType<JobForm> }) => {
  const { t } = useTranslation("training");
  const named = useNamed();
  const subjectName = useSubjectName();
  const contracts = useQuery({ ...contractsQuery(useOrg()), enabled: useCan("money") });
  const inForce = (contracts.data?.data ?? []).filter(
    ({ kind, state }) => kind === "success_fee" && state === "in_force",
  );
  if (inForce.length === 0) return null;
  return (
    <Select
      label={t("form.contract")}
      description={t("form.contractHelp")}
      placeholder={t("form.contractNone")}
      data={inForce.map(({ id, terms, subject }) => ({
        value: id,
        label: `${named(terms.name)}: ${subjectName(subject)}`,
      }))}
      clearable
      value={form.values.contract || null}
      onChange={(value) => form.setFieldValue("contract", value ?? "")}
    />
  );
};
