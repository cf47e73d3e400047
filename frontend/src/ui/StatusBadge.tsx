import { Badge } from "@mantine/core";
import { useKnown } from "@/lib/useKnown";
import classes from "./StatusBadge.module.css";

const TONES: Record<string, string> = {
  succeeded: "good",
  ready: "good",
  active: "good",
  failed: "bad",
  revoked: "bad",
  invalid: "bad",
  running: "warm",
  validating_files: "warm",
  paused: "warm",
};

/** A state by word and dot; unknown states show as the server spells them. */
export const StatusBadge = ({ status }: { status: string }) => {
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
      {known("status", status) ?? status}
    </Badge>
  );
};
