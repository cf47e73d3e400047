"""Webhooks on the page: added, tried, watched, given a new secret, switched off, deleted."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ContextMaker
from tests.browser.person import Person, person_new
from tests.browser.test_pages import violations
from tests.unit.webhooks.receiver import Receiver, receiver_running

SECRET = re.compile(r"whsec_\S{44}")


def add_webhook(person: Person, receiver: Receiver) -> str:
    """Add a webhook for one type of event; return the secret that the dialog shows."""
    person.open("/webhooks")
    person.press("webhooks:create")
    dialog = person.page.get_by_role("dialog")
    dialog.get_by_label(person.say("webhooks:form.url")).fill(receiver.url)
    dialog.get_by_label(person.say("webhooks:form.description")).fill("CI")
    dialog.get_by_label(person.say("webhooks:form.all")).uncheck()
    dialog.get_by_label("dataset.ready").check()
    dialog.get_by_role("button", name=person.say("webhooks:form.submit")).click()
    return stored(person)


def stored(person: Person) -> str:
    """Read the secret, say that it is kept, and see it go."""
    shown = person.page.get_by_test_id("new-secret")
    secret = shown.inner_text().strip()
    person.page.get_by_label(person.say("webhooks:secret.stored")).check()
    person.press("webhooks:secret.done")
    expect(shown).to_have_count(0)
    return secret


def deliveries(page: Page, words: str) -> None:
    """Wait for the table of deliveries to say something."""
    expect(page.get_by_role("table")).to_contain_text(words)


@pytest.mark.parametrize("language", [pytest.param("en", marks=pytest.mark.slow), "zh-Hans"])
def test_a_webhook_from_its_address_to_its_end(context_new: ContextMaker, language: str) -> None:
    dark = language != "en"
    context = context_new(language=language, dark=dark, bypass_csp=True, reduced_motion="reduce")
    person = person_new(context.new_page(), language)
    page = person.page
    person.sign_up()
    with receiver_running() as receiver:
        # given a webhook, made on a page that explained itself when it was empty
        person.open("/webhooks")
        expect(page.get_by_text(person.say("webhooks:empty.text"))).to_be_visible()
        secret = add_webhook(person, receiver)
        assert SECRET.fullmatch(secret)
        # when a test event is sent, and once more after the receiver failed
        page.get_by_role("link", name=f"127.0.0.1:{receiver.port}/hooks").click()
        receiver.statuses = [503, 204]
        person.press("webhooks:test")
        deliveries(page, person.say("webhooks:answered", status=503))
        page.get_by_role("button", name=re.compile("evt_")).click()
        # then the page learns by itself that it arrived, under the same id
        deliveries(page, person.say("webhooks:states.delivered"))
        assert len(set(receiver.ids)) == 1
        assert violations(page) == []
        # a new secret is another one
        person.press("webhooks:rotate.open")
        person.press("webhooks:rotate.confirm")
        assert stored(person) != secret
        # and what is switched off is sent nothing, until it goes
        person.press("webhooks:disable")
        expect(page.get_by_text(person.say("webhooks:trouble.disabled.manual"))).to_be_visible()
        test = page.get_by_role("button", name=person.say("webhooks:test"))
        expect(test).to_be_disabled()
        assert violations(page) == []
        person.press("webhooks:delete.open")
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("button", name=person.say("webhooks:delete.confirm")).click()
        expect(page.get_by_text(person.say("webhooks:empty.text"))).to_be_visible()
