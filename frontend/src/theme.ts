/** The look: blued steel on cool greys; the temper colours (straw, bronze, violet, blue) mark heat and progress. */
import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from "@mantine/core";

const steel: MantineColorsTuple = [
  "#eef4fb",
  "#dbe8f5",
  "#b5cfe9",
  "#8cb4dc",
  "#6b9dd0",
  "#5389c2",
  "#3f78b4",
  "#32689f",
  "#285789",
  "#1c416a",
];
const straw: MantineColorsTuple = [
  "#fdf6e5",
  "#f9eac7",
  "#f1d592",
  "#e8be5c",
  "#dfa938",
  "#c79022",
  "#a87717",
  "#875f12",
  "#6f4e0f",
  "#553b0b",
];
const gray: MantineColorsTuple = [
  "#f6f7f9",
  "#eef0f3",
  "#e2e5ea",
  "#d2d7de",
  "#b4bbc6",
  "#8d96a5",
  "#656f7f",
  "#4b5563",
  "#343c48",
  "#1f252e",
];
const dark: MantineColorsTuple = [
  "#d5dae1",
  "#b3bac5",
  "#949dab",
  "#6c7685",
  "#424b58",
  "#333b46",
  "#272d36",
  "#1c2128",
  "#15191f",
  "#0f1216",
];

const sans =
  '"Instrument Sans Variable", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC", system-ui, sans-serif';
const mono =
  'ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace';

export const theme = createTheme({
  primaryColor: "steel",
  primaryShade: { light: 8, dark: 8 },
  autoContrast: true,
  colors: { steel, straw, gray, dark },
  fontFamily: sans,
  fontFamilyMonospace: mono,
  headings: {
    fontFamily: sans,
    fontWeight: "600",
    sizes: {
      h1: { fontSize: "1.625rem", lineHeight: "1.25" },
      h2: { fontSize: "1.1875rem", lineHeight: "1.35" },
      h3: { fontSize: "1rem", lineHeight: "1.4" },
    },
  },
  defaultRadius: "md",
  radius: { xs: "3px", sm: "5px", md: "8px", lg: "12px", xl: "18px" },
  cursorType: "pointer",
  respectReducedMotion: true,
  focusRing: "auto",
});

/** Page ground, cards and lines of both schemes, and colours of charts. */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {
    "--temper": "linear-gradient(90deg, #dba63c 0%, #b5623b 38%, #74508f 64%, #3a72b4 100%)",
  },
  light: {
    "--mantine-color-body": "#ffffff",
    "--mantine-color-dimmed": "#56606f",
    "--mantine-color-placeholder": "#6a7484",
    "--mantine-color-anchor": "#285789",
    "--mantine-color-error": "#b3261e",
    "--ground": "#f5f6f8",
    "--card": "#ffffff",
    "--line": "#e2e5ea",
    "--well": "#f1f3f6",
    "--chart-1": "#a4552f",
    "--chart-2": "#2f65a3",
    "--chart-3": "#6d4a86",
    "--bar": "#285789",
    "--stack-1": "#285789",
    "--stack-2": "#a4552f",
    "--stack-3": "#c98a1e",
    "--stack-4": "#6d4a86",
    "--stack-5": "#a9b4c2",
    "--bar-quiet": "#a9b4c2",
    "--good": "#1d6b4a",
    "--bad": "#a3322a",
    "--notice": "#a3322a",
    "--notice-text": "#ffffff",
  },
  dark: {
    "--mantine-color-body": "#1a1e25",
    "--mantine-color-dimmed": "#9ca6b4",
    "--mantine-color-placeholder": "#8a94a3",
    "--mantine-color-anchor": "#8cb4dc",
    "--mantine-color-error": "#ff9d94",
    "--ground": "#12151a",
    "--card": "#1a1e25",
    "--line": "#2c333d",
    "--well": "#15191f",
    "--chart-1": "#e39a6f",
    "--chart-2": "#7fb0e6",
    "--chart-3": "#b493cf",
    "--bar": "#6b9dd0",
    "--stack-1": "#6b9dd0",
    "--stack-2": "#e39a6f",
    "--stack-3": "#dfb454",
    "--stack-4": "#b493cf",
    "--stack-5": "#4a5462",
    "--bar-quiet": "#4a5462",
    "--good": "#6fcf9f",
    "--bad": "#ff9d94",
    "--notice": "#ff9d94",
    "--notice-text": "#15191f",
  },
});
