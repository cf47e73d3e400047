"""What a customer pays in Demo billing: a top-up, a plan, an invoice; and what is declined."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ContextMaker
from tests.browser.person import Person, person_new
from tests.browser.test_pages import overflow, violations

PAYS, DECLINED = "4242 4242 4242 4242", "4000 0000 0000 0002"
PHONE = (390, 844)
MONEY = {"en": "${}", "zh-Hans": "US${}"}
LOOKS = [
    pytest.param("en", False, (1280, 900), id="english-light"),
    pytest.param("zh-Hans", True, PHONE, id="chinese-dark-phone"),
]


def clean(page: Page) -> None:
    """Neither axe nor the window's width has anything to say about the page as it stands."""
    assert violations(page) == []
    assert overflow(page) <= 0


def card_use(person: Person, number: str, press: str) -> None:
    """Fill the local card page by one press, and send it."""
    person.page.wait_for_url("**/billing/demo-checkout/cs_*")
    person.press("payments:demo.useNamed", number=number)
    clean(person.page)
    person.press(press)


def top_up(person: Person, amount: str) -> None:
    """Begin a top-up from the overview."""
    person.open("/billing")
    expect(person.page.get_by_role("note")).to_contain_text(person.say("billing:demo.title"))
    person.press("payments:topUp.open")
    dialog = person.page.get_by_role("dialog")
    dialog.get_by_label(person.say("payments:topUp.amount"), exact=True).fill(amount)
    clean(person.page)
    person.press("payments:topUp.submit")


def plan_begin(person: Person, plan: str) -> None:
    """Choose a plan that costs money; the question says what is charged today."""
    person.open("/billing/plans")
    person.press("billing:standing.otherNamed", plan=plan)
    dialog = person.page.get_by_role("dialog")
    expect(dialog).to_contain_text(person.say("billing:cost.today"))
    expect(dialog).to_contain_text("19.00")
    clean(person.page)
    person.press("billing:change.toCard")
    card_use(person, PAYS, "payments:demo.save")


def document_saved(page: Page, place: int) -> Path:
    """Press one of the buttons of a document and return the file."""
    with page.expect_download() as started:
        page.get_by_role("button", name=re.compile("PDF")).nth(place).click()
    return Path(started.value.path())


def invoice_open(person: Person, kind: str) -> None:
    """Open the invoice of a kind, which there is one of."""
    person.open("/billing/invoices")
    title = person.say("invoices:title")
    rows = person.page.get_by_role("table", name=title).get_by_role("row")
    clean(person.page)
    rows.filter(has_text=person.say("invoices:standings.paid")).get_by_role("link").first.click()
    person.page.wait_for_url("**/billing/invoices/inv_*")
    expect(person.page.get_by_role("main")).to_contain_text(person.say(f"invoices:kinds.{kind}"))


@pytest.mark.parametrize(("language", "dark", "size"), LOOKS)
def test_a_top_up_by_card_is_declined_then_paid_and_invoiced(
    context_new: ContextMaker, language: str, dark: bool, size: tuple[int, int]
) -> None:
    context = context_new(
        language=language, dark=dark, size=size, bypass_csp=True, reduced_motion="reduce"
    )
    person = person_new(context.new_page(), language)
    page = person.page
    person.sign_up()

    # A card that is declined charges nothing, and another may be tried on the same page.
    top_up(person, "25")
    card_use(person, DECLINED, "payments:demo.pay")
    expect(page.get_by_role("alert")).to_contain_text(person.say("refusals:codes.card_declined"))
    card_use(person, PAYS, "payments:demo.pay")

    # Back from paying, the page learns by itself that the money came.
    page.wait_for_url("**/billing/checkout?checkout=cs_*")
    added = MONEY[language].format("25.00")
    expect(
        page.get_by_text(person.say("payments:return.done.top_up", amount=added))
    ).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text(
        person.say("usage:balance.left", left=added, all=added)
    )
    clean(page)

    # The invoice says what for, and is there on paper in both languages.
    invoice_open(person, "top_up")
    expect(page.get_by_role("table").first).to_contain_text(added)
    clean(page)
    for place in range(2):
        saved = document_saved(page, place)
        assert saved.read_bytes().startswith(b"%PDF")

    # A card that was declined on the page was no payment: one is told.
    person.open("/billing/payments")
    rows = page.get_by_role("table").get_by_role("row")
    paid = rows.filter(has_text=person.say("payments:list.statuses.succeeded"))
    expect(paid).to_have_count(1)
    expect(paid).to_contain_text("4242")
    expect(paid).to_contain_text("INV-")
    expect(rows).to_have_count(2)  # with the head
    clean(page)


@pytest.mark.parametrize(("language", "dark", "size"), LOOKS)
def test_a_plan_begins_with_a_card_that_is_kept(
    context_new: ContextMaker, language: str, dark: bool, size: tuple[int, int]
) -> None:
    context = context_new(
        language=language, dark=dark, size=size, bypass_csp=True, reduced_motion="reduce"
    )
    person = person_new(context.new_page(), language)
    page = person.page
    person.sign_up()

    # The card is asked for once; the plan begins when it is saved, and is paid with it.
    plan_begin(person, {"en": "Starter", "zh-Hans": "入门版"}[language])
    page.wait_for_url("**/billing/checkout?checkout=cs_*")
    expect(page.get_by_text(person.say("payments:return.done.plan"))).to_be_visible()
    invoice_open(person, "subscription")
    expect(page.get_by_role("table").first).to_contain_text("19.00")
    clean(page)

    # A dearer plan asks for no card again: it says what today costs, and begins.
    person.open("/billing/plans")
    dearer = {"en": "Pro", "zh-Hans": "专业版"}[language]
    person.press("billing:standing.otherNamed", plan=dearer)
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("4242")
    # What is unused of the plan there is comes off what is due.
    expect(dialog).to_contain_text(re.compile("-(US)?\\$1[89]"))
    clean(page)
    person.press("billing:change.confirm")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name=person.say("billing:standing.current"))).to_be_visible()

    # The card stands among the payment methods, and pays top-ups by itself when told to.
    person.open("/billing/methods")
    expect(page.get_by_text(person.say("payments:cards.default"), exact=True)).to_be_visible()
    page.get_by_label(person.say("payments:auto.enabled")).check()
    for name, sum_ in (("threshold", "5"), ("amount", "20"), ("dailyCap", "40")):
        person.fill(f"payments:auto.{name}", sum_)
    clean(page)
    person.press("payments:auto.submit")
    expect(page.get_by_role("status")).to_have_text(person.say("payments:auto.saved"))


def test_billing_details_ask_for_a_fapiao_in_china_alone(context_new: ContextMaker) -> None:
    person = person_new(context_new().new_page(), "en")
    page = person.page
    person.sign_up()
    person.open("/billing/methods")
    person.fill("payments:profile.legal_name", "Ann Ltd")
    country = page.get_by_role("combobox", name=person.say("payments:profile.country"))
    country.click()
    page.get_by_role("option", name="China", exact=True).click()
    page.get_by_role("combobox", name=person.say("payments:profile.fapiao_kind")).click()
    page.get_by_role("option", name=person.say("payments:profile.kinds.general")).click()
    person.press("payments:profile.submit")
    expect(page.get_by_text(person.say("payments:faults.field")).first).to_be_visible()
    title, taxpayer = (
        page.get_by_role("textbox", name=person.say(f"payments:profile.{name}"))
        for name in ("fapiao_title", "fapiao_taxpayer_id")
    )
    title.fill("安公司")
    taxpayer.fill("91310000123456789X")
    person.press("payments:profile.submit")
    expect(page.get_by_role("status")).to_have_text(person.say("payments:profile.saved"))
    page.reload()
    expect(title).to_have_value("安公司")
