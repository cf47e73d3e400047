import { Badge } from "@mantine/core";
import { useKnown } from "@/lib/useKnown";
import classes from "./StatusBadge.module.css";

const TONES: Record<string, string> = {
  succeeded: "good",
  ready: "good",
  active: "good",
  in_force: "good",
  completed: "good",
  in_progress: "warm",
  failed: "bad",
  revoked: "bad",
  invalid: "bad",
  running: "warm",
  validating_files: "warm",
  paused: "warm",
  enabled: "good",
  delivered: "good",
  failing: "bad",
  worse: "bad",
  waiting: "warm",
  paid: "good",
  open: "warm",
  overdue: "bad",
  uncollectible: "bad",
  disputed: "bad",
  confirmed: "good",
  assumed: "good",
  pending: "warm",
};

type Props = {
  status: string;
  /** The word, where it is not one of the common ones. */
  label?: string;
};

/** A state by word and dot; unknown states show as the server spells them. */
export const StatusBadge = ({ status, label }: Props) => {
  const known = useKnown("common");
  return (
    <Badge
      variant="default"
      tt="none"
      fw={500}
      className={classes.badge}
      data-tone={TONES[status] ?? "quiet"}
      leftSection={<span className={classes.dot} aria-hidden="true" />}
    >
      {label ?? known("status", status) ?? status}
    </Badge>
  );
};
