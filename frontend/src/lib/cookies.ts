/** Reading and writing the few plain cookies the page shares with Django. */
export const cookieRead = (name: string, jar: string = document.cookie): string | undefined => {
  const found = jar.split("; ").find((pair) => pair.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : undefined;
};

const YEAR_SECONDS = 31_536_000;

export const cookieWrite = (name: string, value: string): void => {
  const secure = location.protocol === "https:" ? "; secure" : "";
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is missing in Firefox and on plain http
  document.cookie = `${name}=${encodeURIComponent(value)}; path=/; max-age=${YEAR_SECONDS}; samesite=lax${secure}`;
};
