"""What a customer does about money: a code, a plan, a budget that warns and refuses, a forecast."""

import csv
import json
import re
import urllib.error
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ContextMaker, Site
from tests.browser.person import Person, api_classify, person_new


def code_make(page: Page, site: Site, code: str) -> None:
    """Make a promotion code of 500 predictions for 30 days, in the operator's console."""
    page.goto(site.operator_link())
    page.goto("/admin/promotions/promotion/")
    page.get_by_role("link", name="Add code").click()
    page.locator("[name=code]").fill(code)
    page.locator("[name=kind]").select_option("units")
    page.locator("[name=unit]").select_option("prediction")
    page.locator("[name=units]").fill("500")
    page.locator("[name=days]").fill("30")
    page.locator("main form [type=submit], #content form [type=submit]").first.click()
    expect(page.get_by_text(code.upper())).to_be_visible()


def code_redeem(person: Person, code: str) -> None:
    """Redeem it on the billing page."""
    person.open("/billing")
    person.fill("billing:codes.code", code)
    person.press("billing:codes.redeem")


def plans_change(person: Person) -> None:
    """The free plan begins; one that costs money asks for a card first."""
    page = person.page
    person.open("/billing/plans")
    free, paid = {"en": ("Free", "Pro"), "zh-Hans": ("免费版", "专业版")}[person.language]
    person.press("billing:standing.otherNamed", plan=free)
    person.press("billing:change.confirm")
    expect(page.get_by_role("button", name=person.say("billing:standing.current"))).to_be_visible()
    person.press("billing:standing.otherNamed", plan=paid)
    person.press("billing:change.toCard")
    page.wait_for_url("**/billing/demo-checkout/cs_*")


def budget_refuses(person: Person, site: Site, key: str) -> None:
    """A budget of two predictions warns at the first, and refuses the third."""
    person.budget_add(amount=2, alerts="50, 100")
    for _ in range(2):
        api_classify(site.url, key, "sentiment-en", "Fine.")
    with pytest.raises(urllib.error.HTTPError) as refused:
        api_classify(site.url, key, "sentiment-en", "Fine.")
    with refused.value as answer:
        assert json.load(answer)["error"]["code"] == "limit_reached"


def bell_leads_to_the_budget(person: Person) -> None:
    """The bell counts both notices; the newest leads to the budget; then nothing is new."""
    page = person.page
    person.open("")
    person.press("billing:bell.unread_other", count=2)
    unit = person.say("usage:meters.prediction")
    notice = person.say("billing:notices.budget", unit=unit, percent=100)
    page.get_by_role("menuitem", name=notice).click()
    page.wait_for_url("**/billing/budgets")
    used = person.say("billing:budgets.used", used=2, amount=2)
    expect(page.get_by_text(used)).to_be_visible()
    expect(
        page.get_by_role("button", name=person.say("billing:bell.name"), exact=True)
    ).to_be_visible()


def usage_is_told(person: Person) -> None:
    """The forecast reckons with the calls, and the file says whose they were."""
    page = person.page
    person.open("/usage")
    expect(page.get_by_test_id("forecast-prediction")).to_have_text(re.compile(r"[2-9]"))
    groups = page.get_by_role("radiogroup", name=person.say("usage:group.label"))
    groups.get_by_text(person.say("usage:group.api_key_id"), exact=True).click()
    unit = person.say("usage:meters.prediction")
    by_key = page.get_by_role("list", name=person.say("usage:by.api_key_id", meter=unit))
    expect(by_key.get_by_text("Counting key")).to_be_visible()
    with page.expect_download() as download:
        person.press("usage:export")
    content = download.value.path().read_text(encoding="utf-8-sig")
    lines = list(csv.DictReader(content.splitlines()))
    assert [(line["meter"], line["api_key_id_name"], line["units"]) for line in lines] == [
        ("prediction", "Counting key", "2")
    ]


def budget_remove(person: Person) -> None:
    """Remove it after a question."""
    person.open("/billing/budgets")
    unit = person.say("usage:meters.prediction")
    window = person.say("billing:budgets.windows.month")
    person.press("billing:budgets.remove.named", name=f"{unit}, {window}")
    person.press("billing:budgets.remove.confirm")
    expect(person.page.get_by_text(person.say("billing:budgets.empty.title"))).to_be_visible()


@pytest.mark.parametrize("language", ["en", pytest.param("zh-Hans", marks=pytest.mark.slow)])
def test_a_code_a_budget_a_notice_and_the_forecast(
    context_new: ContextMaker, site: Site, language: str
) -> None:
    code = f"Walk-{uuid4().hex[:10]}"
    code_make(context_new().new_page(), site, code)
    page = context_new(language=language).new_page()
    person = person_new(page, language)
    person.sign_up()
    key = person.key_create("Counting key")

    # The code's units are there at once, it works once, and it stays on the page.
    code_redeem(person, code.lower())
    expect(page.get_by_role("status").get_by_text("500")).to_be_visible()
    left = person.say("usage:balance.left", left="1,500", all="1,500")
    expect(page.get_by_text(left)).to_be_visible()
    code_redeem(person, code)
    expect(page.get_by_role("alert")).to_contain_text(
        person.say("refusals:codes.promotion_redeemed")
    )
    expect(page.get_by_role("cell", name=code.upper())).to_be_visible()

    plans_change(person)
    budget_refuses(person, site, key)
    bell_leads_to_the_budget(person)
    usage_is_told(person)
    budget_remove(person)

    assert api_classify(site.url, key, "sentiment-en", "Fine.")["usage"]["predictions"] == 1


def test_the_price_list_is_one_step_from_the_landing_page(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="See plans and prices").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Start free, pay for what you use")
    expect(page.get_by_role("listitem").filter(has_text="Starter")).to_contain_text("$19")
    batches = page.get_by_role("row").filter(has_text="In batches")
    expect(batches).to_contain_text("$0.05 per 1,000")
