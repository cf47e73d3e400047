import { useFormat } from "@/lib/useFormat";
import classes from "./ProbabilityBars.module.css";

type Props = {
  scores: Record<string, number>;
  /** What was answered: one label, none, or several. */
  label: string | readonly string[] | null;
  limit?: number;
  caption: string;
};

/** Labels by probability. The winner is bold and first, so colour is never the only sign. */
export const ProbabilityBars = ({ scores, label, limit = 6, caption }: Props) => {
  const format = useFormat();
  const answered: readonly (string | null)[] = Array.isArray(label) ? label : [label as string];
  const ranked = Object.entries(scores)
    .sort(([, a], [, b]) => b - a)
    .slice(0, limit);
  return (
    <ul className={classes.bars} aria-label={caption}>
      {ranked.map(([name, share]) => (
        <li key={name} className={classes.row} data-top={answered.includes(name) || undefined}>
          <span className={classes.name}>{name}</span>
          <span className={classes.share}>{format.percent(share)}</span>
          <span className={classes.track}>
            <span className={classes.fill} style={{ width: `${Math.max(0.5, share * 100)}%` }} />
          </span>
        </li>
      ))}
    </ul>
  );
};
