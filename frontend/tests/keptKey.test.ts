import { describe, expect, it } from "vitest";
import { ApiError } from "@/api/errors";
import { withKey } from "@/lib/keptKey";

const refusal = (status: number) => new ApiError({ status, code: "x", message: "refused" });

/** Keys numbered as they are made; the first `ended` of them are refused. */
const playing = async (ended: number, status = 401) => {
  let made = 0;
  let kept = "";
  const key = async () => {
    kept ||= `key ${++made}`;
    return kept;
  };
  const forget = () => {
    kept = "";
  };
  return withKey(key, forget, async (given) => {
    if (Number(given.slice(4)) <= ended) throw refusal(status);
    return given;
  });
};

describe("a kept key", () => {
  it("is made anew when it has ended with its session", async () => {
    expect(await playing(0)).toBe("key 1");
    expect(await playing(1)).toBe("key 2");
  });

  it("is tried anew once, and only when it was the key that was refused", async () => {
    await expect(playing(2)).rejects.toMatchObject({ status: 401 });
    await expect(playing(1, 402)).rejects.toMatchObject({ status: 402 });
  });
});
