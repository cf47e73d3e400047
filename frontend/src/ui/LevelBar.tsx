import classes from "./LevelBar.module.css";

type Props = { share: number; label: string; alarm?: boolean };

const WHOLE = 100;

/** How full something is, 0 to 1. Not `<meter>`: browsers draw its bar in heights of their own. */
export const LevelBar = ({ share, label, alarm = false }: Props) => {
  const percent = Math.round(WHOLE * Math.min(1, Math.max(0, share)));
  return (
    // biome-ignore lint/a11y/useSemanticElements: see above
    <div
      className={classes.track}
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={WHOLE}
      aria-valuenow={percent}
    >
      <div
        className={classes.fill}
        style={{ width: `${percent}%` }}
        data-alarm={alarm || undefined}
      />
    </div>
  );
};
