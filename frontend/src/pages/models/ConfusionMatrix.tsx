import { Text } from "@mantine/core";
import type { CSSProperties } from "react";
import { useTranslation } from "react-i18next";
import type { Matrix } from "@/lib/report";
import { useFormat } from "@/lib/useFormat";
import classes from "./Models.module.css";

const STRONG = 0.55;

/** Opens a cell's rows; `name` says in words which cell. */
type Pick = {
  name: (row: string, column: string, count: number) => string;
  open: (row: string, column: string) => void;
};

/** Rows are the true labels, columns what the model said; shade is the share of the row. */
export const ConfusionMatrix = ({ matrix, pick }: { matrix: Matrix; pick?: Pick }) => {
  const { t } = useTranslation("models");
  const format = useFormat();
  const cell = (counts: readonly number[], index: number) => {
    const total = counts.reduce((sum, count) => sum + count, 0);
    const count = counts[index] ?? 0;
    return { count, share: total > 0 ? count / total : 0 };
  };
  return (
    <>
      <Text size="sm" c="dimmed" mb="sm">
        {t("confusion.help")}
      </Text>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <section className={classes.scroll} tabIndex={0} aria-label={t("confusion.title")}>
        <table className={classes.matrix}>
          <thead>
            <tr>
              <td />
              {matrix.labels.map((label) => (
                <th key={label} scope="col">
                  {label}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {matrix.labels.map((label, row) => (
              <tr key={label}>
                <th scope="row">{label}</th>
                {matrix.labels.map((column, index) => {
                  const { count, share } = cell(matrix.counts[row] ?? [], index);
                  return (
                    <td
                      key={column}
                      className={classes.cell}
                      data-strong={share > STRONG || undefined}
                      style={{ "--share": share } as CSSProperties}
                    >
                      {pick && count > 0 ? (
                        <button
                          type="button"
                          className={classes.pick}
                          aria-label={pick.name(label, column, count)}
                          onClick={() => pick.open(label, column)}
                        >
                          {format.number(count)}
                        </button>
                      ) : (
                        format.number(count)
                      )}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </>
  );
};
