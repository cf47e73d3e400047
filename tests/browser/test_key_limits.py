"""A key's limits on the page: set with the key, changed, taken away."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ContextMaker
from tests.browser.looks import DESKTOP, PHONE
from tests.browser.person import Person, person_new
from tests.browser.test_pages import overflow, violations


def limits_set(person: Person, **limits: str) -> None:
    """Open the limits of the key, change them and save."""
    person.press("keys:limits.named", name="CI")
    dialog = person.page.get_by_role("dialog")
    for name, value in limits.items():
        dialog.get_by_label(person.say(f"keys:limits.{name}")).fill(value)
    dialog.get_by_role("button", name=person.say("keys:limits.save")).click()
    expect(dialog).to_have_count(0)


@pytest.mark.parametrize(
    ("language", "size"),
    [("zh-Hans", PHONE), pytest.param("en", DESKTOP, marks=pytest.mark.slow)],
)
def test_a_keys_limits_are_shown_changed_and_taken_away(
    context_new: ContextMaker, language: str, size: tuple[int, int]
) -> None:
    context = context_new(language=language, size=size, bypass_csp=True, reduced_motion="reduce")
    person = person_new(context.new_page(), language)
    table = person.page.get_by_role("table")
    at_once = person.say("keys:limits.of.calls_in_flight_other", number=4)
    a_minute = person.say("keys:limits.of.requests_per_minute_other", number=60)
    # given a key without limits
    person.sign_up()
    person.key_create("CI")
    expect(table).to_be_visible()
    # when it is given two
    limits_set(person, requests_per_minute="60", calls_in_flight="4")
    # then the list says so, in whatever width
    expect(table).to_contain_text(f"{a_minute} · {at_once}")
    assert violations(person.page) == []
    assert overflow(person.page) <= 0
    # and an emptied field takes one away
    limits_set(person, requests_per_minute="")
    expect(table).to_contain_text(at_once)
    expect(table).not_to_contain_text(a_minute)
