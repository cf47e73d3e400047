"""The prediction log on the page: turned on, filled by a call, looked at, forgotten."""

from playwright.sync_api import expect

from tests.browser.conftest import ContextMaker, Site
from tests.browser.looks import Looks, in_looks
from tests.browser.person import ANSWERED_MS, api_classify, person_new
from tests.browser.test_deployments import deployed
from tests.browser.test_studies import look_at
from tests.live.serving import wait_serving


@in_looks
def test_calls_are_kept_looked_at_and_forgotten(
    context_new: ContextMaker, site: Site, looks: Looks
) -> None:
    # given a deployment
    page = context_new().new_page()
    person = person_new(page, "en")
    person.sign_up()
    key = person.key_create("Caller")
    wait_serving(site.url, key)
    address = deployed(person, "watched")

    # when its log is turned on, with a word to hide
    region = page.get_by_role("region", name=person.say("predictions:title"))
    region.get_by_role("switch", name=person.say("predictions:enabled")).check()
    region.get_by_label(person.say("predictions:words")).fill("Jane Doe")
    region.get_by_role("button", name=person.say("predictions:save"), exact=True).click()
    expect(region.get_by_text(person.say("predictions:saved"))).to_be_visible()
    api_classify(site.url, key, "watched", "Jane Doe liked it, mail jane@mail.org")

    # then the call is among the rows, hidden
    expect(region.get_by_text(person.say("predictions:rows"))).to_be_visible()
    region.get_by_role("link", name=person.say("predictions:look")).click()
    row = page.get_by_role("table", name=person.say("predictions:title")).get_by_role("row").nth(1)
    expect(row).to_contain_text("[hidden] liked it, mail [email]", timeout=ANSWERED_MS)
    person.keep_state()
    look_at(context_new, person, [address, page.url], looks)

    # when only unsure answers are asked for, then it is not there, and back when all are
    person.fill("predictions:filters.below", "1")
    person.press("predictions:filters.apply")
    expect(page.get_by_text(person.say("predictions:empty"))).to_be_visible()
    person.press("predictions:filters.clear")
    expect(row).to_contain_text("liked it")

    # when all is forgotten, then nothing is left
    page.goto(address)
    person.press("predictions:forget.open")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name=person.say("predictions:forget.confirm")).click()
    expect(dialog).to_have_count(0)
    expect(region.get_by_role("button", name=person.say("predictions:forget.open"))).to_have_count(
        0
    )
