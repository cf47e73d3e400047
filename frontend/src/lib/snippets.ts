/** The same call in three languages. The key is always an environment variable, never a literal. */
/** The model every organization may call from its first minute. It reads English. */
export const SHIPPED_MODEL = "sentiment-en";

export type SnippetLanguage = "curl" | "python" | "javascript";
export type Snippet = { language: SnippetLanguage; title: string; code: string };

export type ClassifyExample = { baseUrl: string; model: string; input: string | string[] };

/** A JSON text inside a single-quoted shell word. */
export const shellQuoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** Python takes JSON strings and lists as they are. */
const literal = (input: string | string[]): string => JSON.stringify(input);

const curl = ({ baseUrl, model, input }: ClassifyExample): string =>
  [
    `curl ${baseUrl}/v1/classify \\`,
    `  -H "Authorization: Bearer $ANNEAL_API_KEY" \\`,
    `  -H "Content-Type: application/json" \\`,
    `  -d ${shellQuoted(JSON.stringify({ model, input }))}`,
  ].join("\n");

const python = ({ baseUrl, model, input }: ClassifyExample): string =>
  [
    "import json, os, urllib.request",
    "",
    "request = urllib.request.Request(",
    `    "${baseUrl}/v1/classify",`,
    "    headers={",
    `        "Authorization": f"Bearer {os.environ['ANNEAL_API_KEY']}",`,
    `        "Content-Type": "application/json",`,
    "    },",
    "    data=json.dumps({",
    `        "model": ${literal(model)},`,
    `        "input": ${literal(input)},`,
    "    }).encode(),",
    ")",
    "answer = json.load(urllib.request.urlopen(request))",
    `print(answer["data"][0]["label"], answer["data"][0]["score"])`,
  ].join("\n");

const javascript = ({ baseUrl, model, input }: ClassifyExample): string =>
  [
    `const response = await fetch("${baseUrl}/v1/classify", {`,
    `  method: "POST",`,
    "  headers: {",
    `    Authorization: "Bearer " + process.env.ANNEAL_API_KEY,`,
    `    "Content-Type": "application/json",`,
    "  },",
    "  body: JSON.stringify({",
    `    model: ${literal(model)},`,
    `    input: ${literal(input)},`,
    "  }),",
    "});",
    "const { data } = await response.json();",
    "console.log(data[0].label, data[0].score);",
  ].join("\n");

export const classifySnippets = (example: ClassifyExample): Snippet[] => [
  { language: "curl", title: "cURL", code: curl(example) },
  { language: "python", title: "Python", code: python(example) },
  { language: "javascript", title: "JavaScript", code: javascript(example) },
];

export const exportSnippet = (key: string): string => `export ANNEAL_API_KEY="${key}"`;
