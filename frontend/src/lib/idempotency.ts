/** One key per draft: a double click or a retry after a lost answer repeats the key, a change makes a new one. */
const keys = new WeakMap<object, string>();

const WORDS = 4;

/** `crypto.randomUUID` needs https; `getRandomValues` does not. */
const fresh = (): string =>
  [...crypto.getRandomValues(new Uint32Array(WORDS))].map((word) => word.toString(36)).join("-");

export const keyOf = (draft: object): string => {
  const key = keys.get(draft) ?? fresh();
  keys.set(draft, key);
  return key;
};
