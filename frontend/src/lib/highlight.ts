/** A very small highlighter: strings, comments, numbers and a few words are enough for our snippets. */
export type Token = { kind: "plain" | "string" | "word" | "number"; text: string };

const WORDS =
  "import|from|await|const|let|async|function|return|print|for|in|new|curl|export|method|headers|body|data";
const PATTERN = new RegExp(
  `("(?:[^"\\\\\\n]|\\\\.)*"|'(?:[^'\\\\\\n]|\\\\.)*'|\`[^\`]*\`)|\\b(${WORDS})\\b|\\b(\\d+(?:\\.\\d+)?)\\b`,
  "g",
);

export const tokensOf = (code: string): Token[] => {
  const tokens: Token[] = [];
  let end = 0;
  for (const match of code.matchAll(PATTERN)) {
    if (match.index > end) tokens.push({ kind: "plain", text: code.slice(end, match.index) });
    const kind = match[1] ? "string" : match[2] ? "word" : "number";
    tokens.push({ kind, text: match[0] });
    end = match.index + match[0].length;
  }
  if (end < code.length) tokens.push({ kind: "plain", text: code.slice(end) });
  return tokens;
};
