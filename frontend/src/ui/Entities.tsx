import { type Span, segmentsOf } from "@/lib/spans";
import { useFormat } from "@/lib/useFormat";
import classes from "./Entities.module.css";

type Props = { text: string; spans: readonly Span[] };

/** A text with its entities marked; the label stands beside each, so colour is never the only sign. */
export const Entities = ({ text, spans }: Props) => {
  const format = useFormat();
  return (
    <p className={classes.text}>
      {segmentsOf(text, spans).map(({ at, text: part, span }) =>
        span ? (
          <mark key={at} className={classes.entity}>
            {part}
            <span className={classes.label}>
              {span.label}
              {span.score === undefined ? null : ` ${format.percent(span.score, 0)}`}
            </span>
          </mark>
        ) : (
          <span key={at}>{part}</span>
        ),
      )}
    </p>
  );
};
