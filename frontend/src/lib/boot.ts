/** What the server tells the page before the first request (contract: README). */
export type Boot = {
  demoBilling?: boolean;
  mailbox?: boolean;
  language?: string;
  version?: string;
};

const read = (): Boot => {
  const text = document.getElementById("anneal-boot")?.textContent;
  if (!text) return {};
  try {
    return JSON.parse(text) as Boot;
  } catch {
    return {};
  }
};

export const boot: Boot = read();

/** The nonce of this page's content security policy. Browsers hide the attribute but keep the property. */
export const styleNonce = (): string =>
  document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? "";
