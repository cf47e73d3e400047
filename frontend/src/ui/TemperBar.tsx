import classes from "./TemperBar.module.css";

type Props = { value: number; label: string; active?: boolean };

/** Progress in temper colours: straw at the start, blue when it is done. `value` is 0 to 1. */
export const TemperBar = ({ value, label, active = false }: Props) => {
  const percent = Math.round(Math.min(1, Math.max(0, value)) * 100);
  return (
    <div
      className={classes.track}
      role="progressbar"
      aria-label={label}
      aria-valuenow={percent}
      aria-valuemin={0}
      aria-valuemax={100}
      data-active={active || undefined}
    >
      <div className={classes.veil} style={{ width: `${100 - percent}%` }} />
    </div>
  );
};
