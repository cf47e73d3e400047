"""The operator's side of the same road: sees what customers do, and can stop one."""

import urllib.error

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ContextMaker, Site
from tests.browser.person import api_classify, person_new
from tests.browser.test_payments import PAYS, card_use, invoice_open, top_up


def test_the_operator_sees_an_organization_and_suspends_it(
    context_new: ContextMaker, site: Site
) -> None:
    # given a customer with data, a job on its way and a call that was counted
    customer = person_new(context_new().new_page(), "en")
    customer.sign_up()
    key = customer.key_create("before")
    customer.sample_data_add()
    customer.train_begin("seen")
    assert api_classify(site.url, key, "sentiment-en", "Fine.")["usage"]["predictions"] == 1

    # when the operator signs in by the one-time link
    page = context_new().new_page()
    page.goto(site.operator_link())
    expect(page).to_have_url(f"{site.url}/admin/")
    slug = customer.organization

    # then organization, job and usage are there
    page.goto(f"/admin/jobs/finetuningjob/?q={slug}")
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    page.goto(f"/admin/metering/usageevent/?q={slug}")
    expect(page.locator("#result_list tbody tr").first).to_be_visible()
    page.goto(f"/admin/accounts/organization/?q={slug}")
    page.get_by_role("link", name=slug).click()

    # and suspending it refuses the next call and says so on the customer's pages
    page.get_by_role("link", name="Suspend").click()
    page.locator("[name=reason]").fill("Unpaid invoice")
    page.locator("main form [type=submit], #content form [type=submit]").first.click()
    expect(page.get_by_text("Suspended").first).to_be_visible()
    with pytest.raises(urllib.error.HTTPError) as refused:
        api_classify(site.url, key, "sentiment-en", "Fine.")
    with refused.value as answer:
        assert answer.code == 403
    customer.open("/playground")
    expect(customer.page.get_by_role("alert").first).to_contain_text("suspended")


def test_the_operator_refunds_a_payment_and_its_customer_sees_the_credit_note(
    context_new: ContextMaker, site: Site
) -> None:
    # given a customer who bought credit with a card
    customer = person_new(context_new(bypass_csp=True).new_page(), "en")
    customer.sign_up()
    top_up(customer, "25")
    card_use(customer, PAYS, "payments:demo.pay")
    customer.page.wait_for_url("**/billing/checkout?checkout=cs_*")

    # when the operator finds the payment and sends a part of it back
    page = context_new().new_page()
    page.goto(site.operator_link())
    page.goto(f"/admin/payments/paymentattempt/?q={customer.organization}")
    page.locator("#result_list tbody tr th a").click()
    page.get_by_role("link", name="Refund", exact=True).click()
    expect(page.get_by_text("At most 25.00 USD.")).to_be_visible()
    page.locator("[name=amount]").fill("26")
    page.locator("[name=reason]").fill("Bought too much")
    page.locator("main form [type=submit], #content form [type=submit]").first.click()
    expect(page.get_by_role("alert").first).to_contain_text("credit less")
    page.locator("[name=amount]").fill("10")
    page.locator("main form [type=submit], #content form [type=submit]").first.click()

    # then the payment says so, and a worker has sent it
    expect(page.get_by_text("Partly refunded").first).to_be_visible()
    page.goto(f"/admin/payments/refund/?q={customer.organization}")
    expect(page.locator("#result_list tbody tr")).to_have_count(1)

    # and the customer sees the credit note
    invoice_open(customer, "top_up")
    notes = customer.page.get_by_role("table", name=customer.say("invoices:notes.title"))
    expect(notes).to_contain_text("Bought too much")
    expect(notes).to_contain_text("$10.00")


def test_a_spent_operator_link_lets_nobody_in(context_new: ContextMaker, site: Site) -> None:
    # given a link that was used
    link = site.operator_link()
    context_new().new_page().goto(link)
    # when somebody else opens it again
    page = context_new().new_page()
    answer = page.goto(link)
    # then it is refused and the console stays closed
    assert answer is not None
    assert answer.status == 410
    page.goto("/admin/")
    expect(page).not_to_have_url(f"{site.url}/admin/")
