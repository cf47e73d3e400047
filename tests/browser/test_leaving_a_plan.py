"""An owner leaves a plan that is paid, and thinks twice; the operator gave it, and credit."""

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import ContextMaker, Site
from tests.browser.person import Person, person_new

SEND = "main form [type=submit], #content form [type=submit]"


def organization_open(page: Page, site: Site, person: Person) -> None:
    page.goto(f"/admin/accounts/organization/?q={person.organization}")
    page.get_by_role("link", name=person.organization).click()


def credit_give(page: Page, site: Site, person: Person) -> None:
    """Give five units of storage by the console's form, after a try that is refused."""
    organization_open(page, site, person)
    page.get_by_role("link", name="Grant credit").click()
    page.locator("[name=unit]").select_option("storage_gb_hour")
    page.locator("[name=amount]").fill("5")
    page.locator("[name=expires_at]").fill("2020-01-01T00:00:00")
    page.locator("[name=reason]").fill("an apology")
    page.locator(SEND).first.click()
    expect(page.get_by_role("alert")).to_contain_text("after now")
    page.locator("[name=expires_at]").fill("")
    page.locator(SEND).first.click()
    expect(page.get_by_text("Grant credit:").first).to_be_visible()


def plan_assign(page: Page, site: Site, person: Person, plan: str) -> None:
    organization_open(page, site, person)
    page.get_by_role("link", name="Assign plan").click()
    page.locator("[name=plan]").select_option(plan)
    page.locator(SEND).first.click()
    expect(page.get_by_text("Assign plan:").first).to_be_visible()


def stays(page: Page, person: Person) -> None:
    """Stay after all; while the page is asked for again, no dialog offers to leave once more."""
    held: list[Route] = []
    page.route("**/v1/billing/grants*", lambda route: held.append(route))
    person.press("billing:leave.stay")
    person.press("billing:leave.stayConfirm")
    expect(page.get_by_text(person.say("billing:plan.renews"))).to_be_visible()
    behind = page.get_by_role("main").get_by_text(person.say("billing:leave.open"), exact=True)
    expect(behind).to_be_attached()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_have_accessible_name(person.say("billing:leave.stay"))
    for route in held:
        route.continue_()
    page.unroute("**/v1/billing/grants*")
    expect(dialog).to_be_hidden()


@pytest.mark.parametrize("language", [pytest.param("en", marks=pytest.mark.slow), "zh-Hans"])
def test_an_owner_cancels_stays_and_leaves_at_once(
    context_new: ContextMaker, site: Site, language: str
) -> None:
    page = context_new(language=language).new_page()
    person = person_new(page, language)
    person.sign_up()
    operator = context_new().new_page()
    operator.goto(site.operator_link())
    credit_give(operator, site, person)
    plan_assign(operator, site, person, "starter")

    # At the period's end: said on the page, and taken back.
    person.open("/billing")
    expect(page.get_by_text(person.say("usage:meters.storage_gb_hour")).first).to_be_visible()
    person.press("billing:leave.open")
    dialog = page.get_by_role("dialog")
    free = {"en": "Free", "zh-Hans": "免费版"}[language]
    expect(dialog.get_by_text(person.say("billing:leave.follows", plan=free))).to_be_visible()
    dialog.get_by_role("button", name=person.say("billing:leave.confirm")).click()
    expect(page.get_by_text(person.say("billing:plan.ends"))).to_be_visible()
    stays(page, person)

    # Now: what is lost is said before, and the free plan is there after.
    person.press("billing:leave.open")
    page.get_by_role("radio", name=person.say("billing:leave.now"), exact=True).check()
    expect(dialog.get_by_role("status")).to_contain_text("250,000")
    dialog.get_by_role("button", name=person.say("billing:leave.confirm")).click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("button", name=person.say("billing:leave.open"))).to_be_hidden()
    expect(page.locator("dd").first).to_contain_text(free)
