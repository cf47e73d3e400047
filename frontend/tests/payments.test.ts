import { expect, test } from "vitest";
import type { AutoTopUp, BillingProfileDraft } from "@/api/types";
import { countries } from "@/lib/countries";
import { draftKeeper, keyOf } from "@/lib/idempotency";
import { added, amountFault, decimalsOf, formatCoins, sumsOffered } from "@/lib/money";
import { remediesOf } from "@/lib/remedies";
import { cardFault, DEMO_CARDS, inFours } from "@/pages/billing/checkout/demoCards";
import { isPayable, standingOf } from "@/pages/billing/invoices/standing";
import { clausesOf } from "@/pages/billing/outcomes/clauses";
import { evidenceLines } from "@/pages/billing/outcomes/evidence";
import {
  type AutoTopUpValues,
  autoTopUpDraft,
  autoTopUpValues,
  sumFault,
} from "@/pages/billing/payments/autoTopUpForm";
import { cardEnds, hasEnded } from "@/pages/billing/payments/cards";
import { isNeeded, profileDraft, profileFault } from "@/pages/billing/payments/profileForm";
import { mustBePaid, standingOf as planStanding } from "@/pages/billing/planChoice";

const NARROW_SPACE = /[\u00a0\u202f]/g;
const plain = (text: string): string => text.replace(NARROW_SPACE, " ");

test("each currency is shown with the coins it has, none, two or three", () => {
  expect(["JPY", "USD", "CNY", "KWD"].map(decimalsOf)).toEqual([0, 2, 2, 3]);
  expect(formatCoins("1980", "JPY", "en")).toBe("¥1,980");
  expect(formatCoins("12.5", "USD", "en")).toBe("$12.50");
  expect(formatCoins("-0.05", "USD", "en")).toBe("-$0.05");
  expect(plain(formatCoins("1.5", "KWD", "en"))).toBe("KWD 1.500");
  expect(formatCoins("12.50", "CNY", "zh-Hans")).toBe("¥12.50");
  // browsers give some currencies fewer decimals than their coins have
  expect(plain(formatCoins("1.25", "IQD", "en"))).toBe("IQD 1.250");
});

test("a sum beyond what numbers hold exactly is shown to the last coin", () => {
  expect(formatCoins("90071992547409.93", "USD", "en")).toBe("$90,071,992,547,409.93");
});

test("an amount is refused for the first thing that is wrong with it", () => {
  const bounds = { least: "5", most: "500" };
  const faults = ["", "abc", "-5", "1e3", "12.345", "4.99", "500.01", "5", 12.5, "500.00"].map(
    (typed) => amountFault(typed, "USD", bounds),
  );
  expect(faults).toEqual([
    ...["needed", "needed", "needed", "needed", "coins", "least", "most"],
    ...[undefined, undefined, undefined],
  ]);
  expect(amountFault("10.5", "JPY", bounds)).toBe("coins");
  expect(amountFault("10.125", "KWD", bounds)).toBeUndefined();
});

test("round sums are offered within the bounds", () => {
  expect(sumsOffered({ least: "5", most: "1000" })).toEqual([10, 20, 25, 50]);
  expect(sumsOffered({ least: "500", most: "100000" })).toEqual([1000, 2000, 5000, 10000]);
  expect(sumsOffered({ least: "5", most: "8" })).toEqual([]);
  expect(added("0.1", 0.2)).toBe(0.3);
});

test("a lost answer is asked for again under the same key, an answered wish is a new one", () => {
  const keeper = draftKeeper<{ amount: string }>();
  const first = keyOf(keeper.of({ amount: "10" }));
  expect(keyOf(keeper.of({ amount: "10" }))).toBe(first);
  expect(keyOf(keeper.of({ amount: "20" }))).not.toBe(first);
  const second = keyOf(keeper.of({ amount: "20" }));
  keeper.answered();
  expect(keyOf(keeper.of({ amount: "20" }))).not.toBe(second);
});

const DAY_MS = 86_400_000;
const begin = Date.UTC(2026, 10, 1);
const period = {
  starts_at: new Date(begin).toISOString(),
  ends_at: new Date(begin + 30 * DAY_MS).toISOString(),
};
test("a plan stands to the one there is as the server says", () => {
  const terms = (fee: string, mode: "block" | "invoice") => ({
    code: "x",
    fee,
    overage: { mode, credit_line: null },
  });
  const subscription = { plan: { code: "pro", fee: "99" }, next: null, ends_at: null };
  const of = (code: string, more: object = {}) =>
    planStanding(code, { ...subscription, ...more } as Parameters<typeof planStanding>[1]);
  expect(["pro", "free"].map((code) => of(code))).toEqual(["current", "other"]);
  expect(of("pro", { ends_at: period.ends_at })).toBe("keep");
  expect(of("free", { next: { plan: { code: "free" } } })).toBe("next");
  expect(mustBePaid(terms("0", "block"))).toBe(false);
  expect(mustBePaid(terms("0", "invoice"))).toBe(true);
  expect(mustBePaid(terms("1", "block"))).toBe(true);
});

test("the local card page takes test cards alone", () => {
  const now = new Date(Date.UTC(2026, 10, 27));
  const card = { number: "4242424242424242", exp: "12/34", cvc: "123" };
  const fault = (field: keyof typeof card, value: string) =>
    cardFault(field, { ...card, [field]: value }, now);
  expect(DEMO_CARDS.map(({ number }) => fault("number", number))).toEqual(
    DEMO_CARDS.map(() => undefined),
  );
  expect(fault("number", "4111 1111 1111 1111")).toBe("number");
  expect(fault("number", "")).toBe("number");
  expect(["13/34", "1234", "11/26", "10/26", "12 / 34"].map((exp) => fault("exp", exp))).toEqual([
    ...["exp", "exp", undefined, "ended", undefined],
  ]);
  expect(["12", "1234", "12345"].map((cvc) => fault("cvc", cvc))).toEqual([
    ...["cvc", undefined, "cvc"],
  ]);
  expect(inFours("4242424242424242999")).toBe("4242 4242 4242 4242");
  expect(inFours("42424")).toBe("4242 4");
});

test("a card is good to the end of its month", () => {
  const card = { exp_month: 2, exp_year: 2027 };
  expect(cardEnds(card)).toBe("02/2027");
  expect(hasEnded(card, new Date(Date.UTC(2027, 1, 28, 23)))).toBe(false);
  expect(hasEnded(card, new Date(Date.UTC(2027, 2, 1)))).toBe(true);
});

test("an automatic top-up needs its sums only while it is on", () => {
  const bounds = { least: "5", most: "500" };
  const values: AutoTopUpValues = { enabled: true, threshold: "10", amount: "50", dailyCap: "100" };
  const fault = (name: "threshold" | "amount" | "dailyCap", more: Partial<AutoTopUpValues>) =>
    sumFault(name, { ...values, ...more }, "USD", bounds);
  expect(fault("threshold", {})).toBeUndefined();
  expect(fault("threshold", { threshold: "" })).toBe("needed");
  expect(fault("threshold", { threshold: "", enabled: false })).toBeUndefined();
  expect(fault("amount", { amount: "4" })).toBe("least");
  expect(fault("dailyCap", { dailyCap: "49" })).toBe("capBelow");
  expect(fault("dailyCap", { dailyCap: "5000" })).toBeUndefined();
  const draft = autoTopUpDraft({ ...values, dailyCap: "" });
  expect(draft).toEqual({ enabled: true, threshold: "10", amount: "50", daily_cap: null });
  const kept = {
    object: "billing.auto_top_up",
    currency: "USD",
    paused: null,
    paused_until: null,
    ...draft,
  } as AutoTopUp;
  expect(autoTopUpValues(kept)).toEqual({ ...values, dailyCap: "" });
});

const buyer: BillingProfileDraft = {
  legal_name: " Ann Ltd ",
  email: "",
  line1: "",
  line2: "",
  city: "",
  region: "",
  postal_code: "",
  country: "CN",
  tax_id: "",
  language: "en",
  fapiao_kind: "special",
  fapiao_title: "安公司",
  fapiao_taxpayer_id: "91310000123456789X",
  fapiao_address: "",
  fapiao_phone: "",
  fapiao_bank: "",
  fapiao_account: "",
};

test("a fapiao's fields are asked for in China alone, all of them for a special one", () => {
  expect(profileFault("fapiao_bank", buyer)).toBe("field");
  expect(profileFault("fapiao_bank", { ...buyer, fapiao_kind: "general" })).toBeUndefined();
  expect(isNeeded("fapiao_title", { ...buyer, fapiao_kind: "general" })).toBe(true);
  expect(profileFault("fapiao_title", { ...buyer, country: "DE" })).toBeUndefined();
  expect(profileFault("fapiao_taxpayer_id", buyer)).toBeUndefined();
  expect(profileFault("fapiao_taxpayer_id", { ...buyer, fapiao_taxpayer_id: "12" })).toBe(
    "taxpayerId",
  );
  expect(profileFault("email", { ...buyer, email: "ann" })).toBe("email");
  expect(profileDraft(buyer)).toEqual({ ...buyer, legal_name: "Ann Ltd" });
  const abroad = profileDraft({ ...buyer, country: "DE" });
  expect([abroad.fapiao_kind, abroad.fapiao_title, abroad.country]).toEqual(["", "", "DE"]);
});

test("an invoice is open until it is late, and payable while something is due", () => {
  const invoice = { status: "open", due_at: period.ends_at } as const;
  const [before, after] = [new Date(begin), new Date(begin + 31 * DAY_MS)];
  expect(standingOf(invoice, before)).toBe("open");
  expect(standingOf(invoice, after)).toBe("overdue");
  expect(standingOf({ ...invoice, status: "paid" }, after)).toBe("paid");
  expect(isPayable({ amount_due: "0.01" })).toBe(true);
  expect(isPayable({ amount_due: "0.00" })).toBe(false);
});

test("a contract is read sentence by sentence, and a number's point ends none", () => {
  const text = "You pay 0.02 USD each. Otherwise nothing; a p-value below 0.05 is meant. It ends.";
  expect(clausesOf(text)).toEqual([
    "You pay 0.02 USD each.",
    "Otherwise nothing; a p-value below 0.05 is meant.",
    "It ends.",
  ]);
  expect(clausesOf(text).join(" ")).toBe(text);
  expect(clausesOf("您支付 0.02 USD；否则不收费。到期即止。")).toEqual([
    "您支付 0.02 USD；",
    "否则不收费。",
    "到期即止。",
  ]);
});

test("a day's counts are told in the order in which they add up, and no list of nothing", () => {
  const evidence = { wrong: 1, assumed: 6, confirmed: 3, predictions: 10, wrong_feedback: [] };
  expect(evidenceLines(evidence).map(({ name }) => name)).toEqual([
    "predictions",
    "confirmed",
    "assumed",
    "wrong",
  ]);
});

test("evidence becomes lines, what is nested too", () => {
  const evidence = { report: { p_value: 0.003, beats: true }, labels: ["a", "b"], nothing: null };
  expect(evidenceLines(evidence)).toEqual([
    { name: "p_value", value: 0.003 },
    { name: "beats", value: true },
    { name: "labels", value: "a, b" },
  ]);
  // A reason is said by its code, and what is told elsewhere is left out.
  expect(evidenceLines({ reason: "In English.", cause: "cancelled", item: "item_1" })).toEqual([
    { name: "reason", value: "cancelled" },
  ]);
});

test("a refusal leads to the page that helps", () => {
  const of = (code: string, param?: string) => remediesOf({ code, param });
  expect(of("quota_exhausted")).toEqual(["topUp", "plans"]);
  expect(of("rate_limited", "requests_per_minute")).toEqual(["plans"]);
  expect(of("rate_limited", "code")).toEqual([]);
  expect(of("key_rate_limited", "requests_per_minute")).toEqual(["keys"]);
  expect(of("not_found")).toEqual([]);
});

test("countries are named and ordered in the reader's language", () => {
  const [english, chinese] = [countries("en"), countries("zh-Hans")];
  expect(english.length).toBe(249);
  expect(chinese.find(({ value }) => value === "DE")?.label).toBe("德国");
  expect(english.map(({ label }) => label).slice(0, 2)).toEqual(["Afghanistan", "Åland Islands"]);
});
