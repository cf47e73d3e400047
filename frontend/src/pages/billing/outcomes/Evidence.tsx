import { useTranslation } from "react-i18next";
import { useFormat } from "@/lib/useFormat";
import { useKnown } from "@/lib/useKnown";
import { useOrg } from "@/lib/useOrg";
import { LinkAnchor } from "@/ui/links";
import classes from "./Evidence.module.css";
import { type EvidenceLine, evidenceLines } from "./evidence";

const SHARE_DIGITS = 4;

/** Codes that have a name on some page. */
const useWorded = () => {
  const contracts = useKnown("contracts");
  const evaluation = useKnown("evaluation");
  const training = useKnown("training");
  return (name: string, code: string): string | undefined =>
    ({
      returned: contracts("returned", code),
      reason: contracts("reasons", code),
      method: contracts("methods", code),
      baseline: evaluation("baselines", code),
      tier: training("tiers", code),
    })[name];
};

/** Ids of models and jobs lead there; figures are rounded for the eye. */
const Value = ({ name, value }: EvidenceLine) => {
  const { t } = useTranslation("contracts");
  const worded = useWorded();
  const format = useFormat();
  const org = useOrg();
  if (typeof value === "boolean") return <>{t(value ? "evidence.yes" : "evidence.no")}</>;
  if (typeof value === "number") {
    const rounded = Number(value.toFixed(SHARE_DIGITS));
    return <>{Number.isInteger(value) ? format.number(value) : String(rounded)}</>;
  }
  const word = worded(name, value);
  if (word) return <>{word}</>;
  if (name === "model") {
    return (
      <LinkAnchor
        inherit
        to="/o/$org/models/$modelId/evaluation"
        params={{ org: org.slug, modelId: value }}
      >
        {value}
      </LinkAnchor>
    );
  }
  if (name === "job") {
    return (
      <LinkAnchor inherit to="/o/$org/training/$jobId" params={{ org: org.slug, jobId: value }}>
        {value}
      </LinkAnchor>
    );
  }
  return <>{value}</>;
};

/** What shows that an outcome is what it is. */
export const Evidence = ({ evidence }: { evidence: Record<string, unknown> }) => {
  const { t } = useTranslation("contracts");
  const known = useKnown("contracts");
  const lines = evidenceLines(evidence);
  if (lines.length === 0) return <>{t("evidence.none")}</>;
  return (
    <dl className={classes.evidence}>
      {lines.map(({ name, value }) => (
        <div key={`${name} ${value}`}>
          <dt>{known("facts", name) ?? name}</dt>
          <dd>
            <Value name={name} value={value} />
          </dd>
        </div>
      ))}
    </dl>
  );
};
