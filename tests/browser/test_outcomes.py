"""A contract by outcome: offered in the console, read, accepted, put to a training, ended."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ContextMaker, Site
from tests.browser.person import Person, person_new
from tests.browser.test_pages import overflow, violations

SEND = "main form [type=submit], #content form [type=submit]"
NAMES = {"en": "Beats its baseline", "zh-Hans": "优于基线"}
LOOKS = [
    pytest.param("en", False, (1280, 900), id="english-light"),
    pytest.param("zh-Hans", True, (390, 844), id="chinese-dark-phone"),
]


def policy_offer(page: Page, site: Site, code: str) -> None:
    """Add a success fee to the operator's offers, with terms that are published."""
    page.goto(site.operator_link())
    page.goto("/admin/outcomes/outcomepolicy/")
    page.get_by_role("link", name="Add policy").click()
    page.locator("[name=code]").fill(code)
    page.locator("[name=kind]").select_option("success_fee")
    page.locator("[name=name_en]").fill(NAMES["en"])
    page.locator("[name=name_zh]").fill(NAMES["zh-Hans"])
    page.locator(SEND).first.click()
    page.get_by_role("link", name=code).click()
    page.get_by_role("link", name="Draft terms").click()
    page.locator("[name=price]").fill("25")
    page.locator("[name=margin]").fill("0.05")
    page.locator(SEND).first.click()
    page.locator("#result_list").get_by_role("link", name=code).click()
    page.get_by_role("link", name="Publish").click()
    page.locator(SEND).first.click()
    expect(page.get_by_text("Publish").first).to_be_visible()


def clean(page: Page) -> None:
    """Neither axe nor the window's width has anything to say about the page as it stands."""
    assert violations(page) == []
    assert overflow(page) <= 0


def contract_accept(person: Person, code: str) -> None:
    """Choose the offer and the sample reviews, read, agree and accept."""
    page = person.page
    person.open("/billing/outcomes/new")
    page.locator(f"input[type=radio][value={code}]").check()
    page.get_by_role("combobox", name=person.say("contracts:kinds.success_fee.subject")).click()
    page.get_by_role("option").first.click()
    accept = page.get_by_role("button", name=person.say("contracts:new.accept"))
    expect(accept).to_be_disabled()
    expect(page.get_by_role("main")).to_contain_text("0.05")
    page.get_by_label(person.say("contracts:new.agree")).check()
    clean(page)
    accept.click()
    page.wait_for_url("**/billing/outcomes/oc_*")


@pytest.mark.parametrize(("language", "dark", "size"), LOOKS)
def test_a_contract_is_read_before_it_is_accepted_and_a_training_goes_under_it(
    context_new: ContextMaker, site: Site, language: str, dark: bool, size: tuple[int, int]
) -> None:
    code = f"beats-{language.lower()}"
    policy_offer(context_new().new_page(), site, code)
    context = context_new(
        language=language, dark=dark, size=size, bypass_csp=True, reduced_motion="reduce"
    )
    person = person_new(context.new_page(), language)
    page = person.page
    person.sign_up()
    person.sample_data_add()
    expect(page.get_by_role("link", name=person.say("datasets:train"))).to_be_visible()

    # Its terms stand there in full before anything is agreed, and after.
    contract_accept(person, code)
    expect(page.get_by_role("main")).to_contain_text(person.email)
    expect(page.get_by_text(person.say("contracts:outcomes.none"))).to_be_visible()
    clean(page)

    # From it the way leads to a training that is paid by it.
    person.follow("contracts:train")
    chosen = page.get_by_role("combobox", name=person.say("training:form.contract"))
    expect(chosen).to_have_value(re.compile(NAMES[language]))
    expect(page.get_by_text(person.say("training:estimate.feeHeld"))).to_be_visible()
    clean(page)

    # The list names it; ended, nothing new falls under it.
    person.open("/billing/outcomes")
    clean(page)
    page.get_by_role("link", name=NAMES[language]).click()
    person.press("contracts:end.open")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name=person.say("contracts:end.confirm")).click()
    expect(page.get_by_text(person.say("contracts:inForce.ended"))).to_be_visible()
