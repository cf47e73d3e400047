/** A contract's sentences. Joined they are the text again; a number's point ends none. */
export const clausesOf = (text: string): string[] =>
  text
    .split(/(?<=\.)\s+(?=\p{Lu})|(?<=[。；])/u)
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence !== "");
