/** Reads the head of a CSV, TSV or JSONL file in the browser: preview and a guess of the columns. The server decides. */
export type Preview = { columns: string[]; rows: string[][]; truncated: boolean };

export const PREVIEW_BYTES = 1_000_000;
export const PREVIEW_ROWS = 20;

const delimiterOf = (name: string, text: string): string => {
  if (/\.(tsv|tab)$/i.test(name)) return "\t";
  const [head = ""] = text.split("\n", 1);
  const score = (mark: string) => head.split(mark).length;
  return [",", ";", "\t"].reduce((best, mark) => (score(mark) > score(best) ? mark : best), ",");
};

/** RFC 4180 with doubled quotes; stops after `limit` records. */
export const recordsOf = (text: string, delimiter: string, limit: number): string[][] => {
  const records: string[][] = [];
  let record: string[] = [];
  let field = "";
  let quoted = false;
  const closeField = () => {
    record.push(field);
    field = "";
  };
  const closeRecord = () => {
    closeField();
    if (record.length > 1 || record[0] !== "") records.push(record);
    record = [];
  };
  for (let index = 0; index < text.length && records.length < limit; index += 1) {
    const character = text[index] ?? "";
    if (quoted && character === '"' && text[index + 1] === '"') {
      field += '"';
      index += 1;
    } else if (character === '"' && (quoted || field === "")) quoted = !quoted;
    else if (quoted) field += character;
    else if (character === delimiter) closeField();
    else if (character === "\n") closeRecord();
    else if (character !== "\r") field += character;
  }
  if (records.length < limit && (field !== "" || record.length > 0)) closeRecord();
  return records;
};

const cell = (value: unknown): string =>
  typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value);

const jsonLines = (text: string): Preview => {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const objects: Record<string, unknown>[] = [];
  for (const line of lines.slice(0, PREVIEW_ROWS)) {
    try {
      const value: unknown = JSON.parse(line);
      if (typeof value === "object" && value !== null) objects.push(value as Record<string, unknown>);
    } catch {
      // The last line of a cut file is rarely whole; the server reports real damage.
    }
  }
  const columns = [...new Set(objects.flatMap((object) => Object.keys(object)))];
  return {
    columns,
    rows: objects.map((object) => columns.map((column) => cell(object[column]))),
    truncated: lines.length > PREVIEW_ROWS,
  };
};

export const previewOf = (name: string, source: string): Preview => {
  const text = source.replace(/^\uFEFF/, "");
  if (/\.(jsonl|ndjson|json)$/i.test(name)) return jsonLines(text);
  const [columns = [], ...rows] = recordsOf(text, delimiterOf(name, text), PREVIEW_ROWS + 2);
  return { columns, rows: rows.slice(0, PREVIEW_ROWS), truncated: rows.length > PREVIEW_ROWS };
};

const TEXT_NAMES = /^(text|review|sentence|content|comment|message|body|input|utterance|文本|评论|内容)/i;
const LABEL_NAMES = /^(label|sentiment|class|category|target|intent|rating|stars|标签|类别|情感)/i;

const averageLength = (preview: Preview, index: number): number =>
  preview.rows.reduce((sum, row) => sum + (row[index]?.length ?? 0), 0) /
  Math.max(1, preview.rows.length);

/** By name first; otherwise the longest column is the text and the shortest the label. */
export const guessMapping = (preview: Preview): { text: string; label: string } => {
  const { columns } = preview;
  const byLength = columns
    .map((column, index) => ({ column, length: averageLength(preview, index) }))
    .sort((a, b) => b.length - a.length);
  const text = columns.find((name) => TEXT_NAMES.test(name.trim())) ?? byLength[0]?.column ?? "";
  const rest = byLength.filter(({ column }) => column !== text);
  const label =
    columns.find((name) => name !== text && LABEL_NAMES.test(name.trim())) ??
    rest.at(-1)?.column ??
    "";
  return { text, label };
};
