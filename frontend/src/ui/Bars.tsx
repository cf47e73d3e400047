import classes from "./Bars.module.css";

export type Bar = {
  name: string;
  value: number;
  text: string;
  /** The colour that the same thing has in a chart beside, 1 to 5. */
  tone?: number;
};

/** A list whose rows are as long as their figures; the figure stands beside, so it reads without the picture. */
export const Bars = ({ items, caption }: { items: readonly Bar[]; caption: string }) => {
  const most = Math.max(1, ...items.map((item) => item.value));
  return (
    <ul className={classes.bars} aria-label={caption}>
      {items.map((item) => (
        <li key={item.name} className={classes.row}>
          <span className={classes.name}>{item.name}</span>
          <span className={classes.track}>
            <span
              className={classes.fill}
              data-tone={item.tone}
              style={{ width: `${(100 * item.value) / most}%` }}
            />
          </span>
          <span className={classes.text}>{item.text}</span>
        </li>
      ))}
    </ul>
  );
};
