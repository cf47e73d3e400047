import classes from "./Code.module.css";
import { CopyButton } from "./CopyButton";

/** One line to copy: an id, a name, a key. */
export const CopyField = ({ value, label }: { value: string; label: string }) => (
  <div className={classes.field}>
    <code className={classes.value}>{value}</code>
    <CopyButton value={value} label={label} />
  </div>
);
