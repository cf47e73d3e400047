"""Every page, in every look: no violation of accessibility or policy, no foreign request."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import ConsoleMessage, Page, Request, expect

from tests.browser.conftest import ContextMaker, Site
from tests.browser.looks import DESKTOP, PHONE
from tests.browser.person import Person
from tests.browser.quiet import loading

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
PUBLIC = [
    "/",
    "/pricing",
    "/login",
    "/signup",
    "/verify-email",
    "/password/reset",
    "/no/such/page",
]
PRIVATE = [
    "",
    "/playground",
    "/datasets",
    "/datasets/new",
    "/training",
    "/training/new",
    "/models",
    "/models/minilm-l6",
    "/models/minilm-l6/evaluation",
    "/models/bases",
    "/models/compare",
    "/deployments",
    "/batches",
    "/batches/new",
    "/keys",
    "/webhooks",
    "/usage",
    "/billing",
    "/billing/plans",
    "/billing/invoices",
    "/billing/payments",
    "/billing/methods",
    "/billing/outcomes",
    "/billing/outcomes/new",
    "/billing/budgets",
    "/billing/notices",
    "/team",
    "/settings",
    "/nothing",
]
NARROW = (320, 700)
SLOW = pytest.mark.slow


@dataclass(frozen=True)
class Look:
    """How a page is looked at."""

    language: str
    dark: bool
    size: tuple[int, int]


def addresses(resident: Person) -> list[str]:
    """Every page, the private ones as the resident has them."""
    return [*PUBLIC, *(f"/o/{resident.organization}{path}" for path in PRIVATE)]


def settle(page: Page, address: str) -> None:
    """Go there and wait until the page has its facts."""
    with loading(page):
        page.goto(address)
        expect(page.get_by_role("heading", level=1)).to_be_visible()


def violations(page: Page) -> list[str]:
    """Return what axe finds on the page as it stands; its context lets scripts in."""
    page.add_script_tag(path=AXE)
    found: list[str] = page.evaluate(
        "tags => axe.run(document, {runOnly: tags}).then(result => result.violations"
        ".map(v => v.id + ': ' + v.nodes.map(n => n.target.join(' ')).join(' | ')))",
        TAGS,
    )
    return found


def overflow(page: Page) -> int:
    """Return how many pixels the page is wider than its window."""
    found: int = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return found


# Between them, the looks of this test and the next show both languages in the narrowest window.
@pytest.mark.parametrize(
    "look",
    [
        pytest.param(Look("en", dark=False, size=DESKTOP), id="english-light"),
        pytest.param(Look("zh-Hans", dark=True, size=NARROW), id="chinese-dark-narrow"),
        pytest.param(Look("en", dark=True, size=PHONE), id="english-dark-phone", marks=SLOW),
        pytest.param(Look("zh-Hans", dark=False, size=DESKTOP), id="chinese-light", marks=SLOW),
    ],
)
def test_no_page_violates_wcag_or_scrolls_sideways(
    context_new: ContextMaker, resident: Person, look: Look
) -> None:
    # given a browser that lets axe in
    context = context_new(
        language=look.language,
        dark=look.dark,
        size=look.size,
        bypass_csp=True,
        storage_state=resident.state,
        reduced_motion="reduce",
    )
    page = context.new_page()
    found: dict[str, list[str]] = {}
    wide: dict[str, int] = {}
    # when every page is examined
    for address in addresses(resident):
        settle(page, address)
        wide[address] = overflow(page)
        broken = violations(page)
        found |= {address: broken} if broken else {}
    # then none violates a rule and each fits its window
    assert found == {}
    assert max(wide.values()) <= 0, wide


@pytest.mark.parametrize(
    "look",
    [
        pytest.param(Look("en", dark=False, size=NARROW), id="english-light-narrow"),
        pytest.param(Look("zh-Hans", dark=True, size=DESKTOP), id="chinese-dark"),
        pytest.param(Look("zh-Hans", dark=False, size=PHONE), id="chinese-light", marks=SLOW),
        pytest.param(Look("en", dark=True, size=DESKTOP), id="english-dark", marks=SLOW),
    ],
)
def test_pages_keep_the_policy_the_origin_and_the_width(
    context_new: ContextMaker, resident: Person, site: Site, look: Look
) -> None:
    # given a browser that notes violations, faults and foreign requests
    context = context_new(
        language=look.language, dark=look.dark, size=look.size, storage_state=resident.state
    )
    context.add_init_script(
        "document.addEventListener('securitypolicyviolation', event =>"
        " console.error('policy: ' + event.violatedDirective + ' ' + event.blockedURI))"
    )
    page = context.new_page()
    wrong: list[str] = []

    def note_console(message: ConsoleMessage) -> None:
        refused = message.text.startswith("Failed to load resource")
        wrong.extend([message.text] if message.type == "error" and not refused else [])

    def note_request(request: Request) -> None:
        foreign = urlsplit(request.url).netloc not in ("", urlsplit(site.url).netloc)
        wrong.extend([request.url] if foreign else [])

    page.on("console", note_console)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", note_request)
    wide: dict[str, int] = {}
    # when every page is opened
    for address in addresses(resident):
        settle(page, address)
        wide[address] = overflow(page)
    # then nothing was noted and each fits its window
    assert wrong == []
    assert max(wide.values()) <= 0, wide


def test_dialogs_keep_the_policy(context_new: ContextMaker, resident: Person) -> None:
    # given a page whose violations are noted
    page = context_new(storage_state=resident.state).new_page()
    page.add_init_script(
        "window.violations = []; document.addEventListener('securitypolicyviolation',"
        " event => window.violations.push(event.violatedDirective))"
    )
    page.goto(f"/o/{resident.organization}/keys")
    # when a dialog and a drop-down list are opened
    page.get_by_role("button", name="Create key", exact=True).click()
    page.get_by_role("dialog").get_by_role("combobox", name="Expires").click()
    expect(page.get_by_role("option", name="In 30 days")).to_be_visible()
    # then no rule was broken
    assert page.evaluate("window.violations") == []


def test_the_keyboard_alone_reaches_a_dialog_and_leaves_it(
    context_new: ContextMaker, resident: Person
) -> None:
    # given the keys page with the focus on its button
    page = context_new(storage_state=resident.state).new_page()
    page.goto(f"/o/{resident.organization}/keys")
    button = page.get_by_role("button", name="Create key", exact=True)
    button.focus()
    # when it is opened and closed by keys
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_label("Name")).to_be_focused()
    page.keyboard.press("Escape")
    # then the focus is back where it was
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(button).to_be_focused()


def test_a_foreign_organization_is_not_found(context_new: ContextMaker, resident: Person) -> None:
    # given a signed-in person
    page = context_new(storage_state=resident.state).new_page()
    # when an address of an organization of others is opened
    page.goto("/o/house/usage")
    # then there is nothing
    expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible()


def test_a_stranger_is_led_to_the_login_and_back(
    context_new: ContextMaker, resident: Person
) -> None:
    # given nobody signed in
    page = context_new().new_page()
    # when a private page is opened
    page.goto(f"/o/{resident.organization}/usage")
    page.wait_for_url("**/login?**")
    page.get_by_label("E-mail").fill(resident.email)
    page.get_by_label("Password", exact=True).fill("copper-kettle-42")
    page.get_by_role("button", name="Log in", exact=True).click()
    # then the login leads back to it
    page.wait_for_url(f"**/o/{resident.organization}/usage")
