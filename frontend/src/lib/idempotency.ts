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

export type DraftKeeper<T extends object> = {
  /** The draft for these values: the same one until an answer came, so that its key is repeated. */
  of: (values: T) => T;
  /** Refused or done, it was answered: the same values again are a new wish. */
  answered: () => void;
};

export const draftKeeper = <T extends object>(): DraftKeeper<T> => {
  let kept: { text: string; draft: T } | undefined;
  return {
    of: (values) => {
      const text = JSON.stringify(values);
      if (kept?.text !== text) kept = { text, draft: values };
      return kept.draft;
    },
    answered: () => {
      kept = undefined;
    },
  };
};
