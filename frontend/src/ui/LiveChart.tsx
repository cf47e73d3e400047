import "uplot/dist/uPlot.min.css";
import { useComputedColorScheme } from "@mantine/core";
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import { languageNow } from "@/i18n";
import { formatFigure } from "@/lib/format";
import type { Columns } from "@/lib/metrics";
import classes from "./LiveChart.module.css";

export type Series = {
  label: string;
  color: "--chart-1" | "--chart-2" | "--chart-3";
  dash?: boolean;
};

type Props = {
  columns: Columns;
  series: readonly Series[];
  xLabel: string;
  /** Says in words what the picture shows now. */
  summary: string;
  height?: number;
  /** For shares: the axis is 0 to 1, in per cent. */
  share?: boolean;
};

const percents = (_plot: uPlot, values: number[]): string[] =>
  values.map((value) => `${Math.round(value * 100)} %`);

/** A learning rate's steps are far below the three decimals that the chart would round to. */
const figures = (_plot: uPlot, values: number[]): string[] =>
  values.map((value) => formatFigure(value, languageNow()));

const LINE_PX = 2;
const SPARSE = 40;

const optionsOf = (
  element: HTMLElement,
  series: readonly Series[],
  xLabel: string,
  height: number,
  share: boolean,
): uPlot.Options => {
  const style = getComputedStyle(element);
  const color = (name: string) => style.getPropertyValue(name).trim();
  const axis: uPlot.Axis = {
    stroke: color("--mantine-color-dimmed"),
    font: `12px ${style.fontFamily}`,
    grid: { stroke: color("--line"), width: 1 },
    ticks: { show: false },
  };
  return {
    width: element.clientWidth,
    height,
    legend: { show: false },
    cursor: { points: { size: 7 }, drag: { x: false, y: false } },
    scales: { x: { time: false }, ...(share ? { y: { range: [0, 1] } } : {}) },
    axes: [
      { ...axis, grid: { show: false }, size: 30 },
      { ...axis, size: 52, values: share ? percents : figures },
    ],
    series: [
      { label: xLabel },
      ...series.map((one) => ({
        label: one.label,
        stroke: color(one.color),
        width: LINE_PX,
        ...(one.dash ? { dash: [7, 4] } : {}),
        spanGaps: true,
        points: {
          size: 6,
          fill: color(one.color),
          show: (plot: uPlot) => plot.data[0].length < SPARSE,
        },
      })),
    ],
  };
};

/** uPlot in the theme's colours; lines differ by dash as well as colour. */
export const LiveChart = ({
  columns,
  series,
  xLabel,
  summary,
  height = 220,
  share = false,
}: Props) => {
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(null);
  const latest = useRef(columns);
  const scheme = useComputedColorScheme("light");
  latest.current = columns;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new scheme means new colours, so a new plot
  useEffect(() => {
    const element = holder.current;
    if (!element) return;
    const made = new uPlot(
      optionsOf(element, series, xLabel, height, share),
      latest.current as uPlot.AlignedData,
      element,
    );
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [series, xLabel, height, share, scheme]);
  useEffect(() => {
    plot.current?.setData(columns as uPlot.AlignedData);
  }, [columns]);
  return (
    <figure className={classes.figure}>
      <ul className={classes.legend} aria-hidden="true">
        {series.map((one) => (
          <li key={one.label} className={classes.key}>
            <span
              className={classes.mark}
              data-dash={one.dash || undefined}
              data-color={one.color}
            />
            {one.label}
          </li>
        ))}
      </ul>
      <div
        ref={holder}
        role="img"
        aria-label={summary}
        className={classes.plot}
        style={{ minHeight: height }}
      />
    </figure>
  );
};
