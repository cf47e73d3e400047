/** The few Markdown blocks a model card uses, as data; never as HTML. */
export type Block =
  | { kind: "heading"; level: number; text: string }
  | { kind: "list"; items: string[] }
  | { kind: "code"; text: string }
  | { kind: "table"; head: string[]; rows: string[][] }
  | { kind: "text"; text: string };

const plain = (line: string): string =>
  line
    .replaceAll(/\*\*([^*]+)\*\*/g, "$1")
    .replaceAll(/`([^`]+)`/g, "$1")
    .replaceAll(/\[([^\]]+)\]\(([^)]+)\)/g, "$1 ($2)");

const withoutFrontMatter = (source: string): string =>
  source.startsWith("---\n") ? source.slice(source.indexOf("\n---", 4) + 4) : source;

const cellsOf = (line: string): string[] =>
  line
    .trim()
    .replace(/^\||\|$/g, "")
    .split("|")
    .map((cell) => plain(cell.trim()));

/** Lines that begin with a bar, the second of which rules off the head. */
const tableOf = (lines: readonly string[]): Block | undefined => {
  const [head, rule, ...rows] = lines;
  if (!head?.startsWith("|") || !/^\|[\s:|-]+\|?$/.test(rule ?? "")) return undefined;
  return { kind: "table", head: cellsOf(head), rows: rows.map(cellsOf) };
};

const blockOf = (chunk: string): Block[] => {
  const lines = chunk.split("\n").filter((line) => line.trim() !== "");
  const table = tableOf(lines);
  if (table) return [table];
  const blocks: Block[] = [];
  for (const line of lines) {
    const heading = /^(#{1,6})\s+(.*)$/.exec(line);
    const item = /^\s*[-*]\s+(.*)$/.exec(line);
    const last = blocks.at(-1);
    if (heading?.[1]) {
      blocks.push({ kind: "heading", level: heading[1].length, text: plain(heading[2] ?? "") });
    } else if (item) {
      const text = plain(item[1] ?? "");
      if (last?.kind === "list") last.items.push(text);
      else blocks.push({ kind: "list", items: [text] });
    } else if (last?.kind === "text") last.text += ` ${plain(line)}`;
    else blocks.push({ kind: "text", text: plain(line) });
  }
  return blocks;
};

export const blocksOf = (source: string): Block[] =>
  withoutFrontMatter(source)
    .split(/(```[\s\S]*?```)/)
    .flatMap((part): Block[] =>
      part.startsWith("```")
        ? [{ kind: "code", text: part.replace(/^```[^\n]*\n?|\n?```$/g, "") }]
        : part.split(/\n\s*\n/).flatMap(blockOf),
    );
