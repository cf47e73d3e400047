/** How a receiver checks a webhook's signature. The same texts stand in docs/webhooks.md. */
import type { Snippet } from "./snippets";

const PYTHON = `import base64, hashlib, hmac, json, os, time


def verified(body: bytes, headers) -> dict:
    """Return the event, or raise ValueError. The body is the bytes as they came."""
    secret = os.environ["ANNEAL_WEBHOOK_SECRET"].removeprefix("whsec_")
    sent_at = headers["webhook-timestamp"]
    if abs(time.time() - int(sent_at)) > 300:
        raise ValueError("too old, or sent again by somebody else")
    content = f"{headers['webhook-id']}.{sent_at}.".encode() + body
    digest = hmac.new(base64.b64decode(secret), content, hashlib.sha256).digest()
    wanted = "v1," + base64.b64encode(digest).decode()
    signatures = headers["webhook-signature"].split()
    if not any(hmac.compare_digest(wanted, one) for one in signatures):
        raise ValueError("not signed with this secret")
    return json.loads(body)`;

const NODE = `import { createHmac, timingSafeEqual } from "node:crypto";

/** Return the event, or throw. The body is the bytes as they came. */
export function verified(body, headers) {
  const secret = process.env.ANNEAL_WEBHOOK_SECRET.replace(/^whsec_/, "");
  const sentAt = headers["webhook-timestamp"];
  if (!(Math.abs(Date.now() / 1000 - Number(sentAt)) <= 300)) {
    throw new Error("too old, or sent again by somebody else");
  }
  const wanted = createHmac("sha256", Buffer.from(secret, "base64"))
    .update(\`\${headers["webhook-id"]}.\${sentAt}.\`)
    .update(body)
    .digest();
  const signed = headers["webhook-signature"].split(" ").some((one) => {
    const given = Buffer.from(one.replace(/^v1,/, ""), "base64");
    return given.length === wanted.length && timingSafeEqual(given, wanted);
  });
  if (!signed) throw new Error("not signed with this secret");
  return JSON.parse(body);
}`;

export const verifySnippets = (): Snippet[] => [
  { language: "python", title: "Python", code: PYTHON },
  { language: "javascript", title: "Node", code: NODE },
];
