import { tokensOf } from "@/lib/highlight";
import classes from "./Code.module.css";
import { CopyButton } from "./CopyButton";

/** Code with quiet colours; focusable, since it scrolls sideways. */
export const CodeBlock = ({ code, label }: { code: string; label: string }) => {
  let offset = 0;
  return (
    <div className={classes.block}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <section className={classes.scroll} tabIndex={0} aria-label={label}>
        <pre className={classes.code}>
          <code>
            {tokensOf(code).map((token) => {
              offset += token.text.length;
              return (
                <span key={offset} className={classes[token.kind]}>
                  {token.text}
                </span>
              );
            })}
          </code>
        </pre>
      </section>
      <div className={classes.copy}>
        <CopyButton value={code} />
      </div>
    </div>
  );
};
