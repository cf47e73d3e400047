"""One browser, one installation, and contexts as people have them: language, theme, size."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from anneal.local.chromium import chromium_find
from tests.browser.looks import DESKTOP
from tests.browser.person import Person, api_classify, person_new
from tests.live.conftest import WEBHOOKS_LOCAL
from tests.live.machine import Installation

TIMEOUT_MS = 20_000
expect.set_options(timeout=TIMEOUT_MS)  # five seconds are short on a machine that has work


@dataclass(frozen=True)
class Site:
    """An address to visit, and how its operator gets in."""

    url: str
    operator_link: Callable[[], str]


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """An installation of our own, or the running one that ANNEAL_TEST_URL names.

    The second form is for working on the page: ANNEAL_TEST_OPERATOR_LINK then holds a fresh link.
    """
    running = os.environ.get("ANNEAL_TEST_URL")
    if running:
        yield Site(running.rstrip("/"), lambda: os.environ["ANNEAL_TEST_OPERATOR_LINK"])
        return
    installation = Installation("--no-demo", settings=WEBHOOKS_LOCAL)
    try:
        installation.start()
        yield Site(installation.url, lambda: installation.operator_link)
    finally:
        installation.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, headless."""
    found = chromium_find()
    arguments = [*found.arguments, "--disable-quic", "--disable-background-networking"]
    arguments += ["--disable-component-update", "--disable-sync"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=found.executable,
            args=arguments,
            env={**os.environ, **found.env},
        )
        yield started
        started.close()


ContextMaker = Callable[..., BrowserContext]


@pytest.fixture
def context_new(browser: Browser, site: Site) -> Iterator[ContextMaker]:
    """Makes contexts: `context_new(language=..., dark=..., size=..., **playwright_options)`."""
    made: list[BrowserContext] = []

    def make(
        *,
        language: str = "en",
        dark: bool = False,
        size: tuple[int, int] = DESKTOP,
        **options: object,
    ) -> BrowserContext:
        context = browser.new_context(
            base_url=site.url,
            locale={"en": "en-US", "zh-Hans": "zh-CN"}[language],
            color_scheme="dark" if dark else "light",
            viewport={"width": size[0], "height": size[1]},
            **options,  # type: ignore[arg-type] # Playwright's own keywords
        )
        context.set_default_timeout(TIMEOUT_MS)
        if "storage_state" in options:  # else the page speaks the language the person saved
            cookie = {"name": "anneal_language", "value": language, "url": site.url}
            context.add_cookies([cookie])  # type: ignore[list-item] # a plain dict will do
        made.append(context)
        return context

    yield make
    for context in made:
        context.close()


@pytest.fixture
def page(context_new: ContextMaker) -> Page:
    """An English visitor's page."""
    return context_new().new_page()


@pytest.fixture(scope="session")
def resident(browser: Browser, site: Site) -> Person:
    """Somebody who signed up, has data, a key, usage and a notice: pages have something to show."""
    context = browser.new_context(base_url=site.url, locale="en-US")
    context.set_default_timeout(TIMEOUT_MS)
    person = person_new(context.new_page(), "en")
    person.sign_up()
    person.sample_data_add()
    key = person.key_create("Resident's key")
    person.budget_add(amount=100, alerts="1, 90")
    api_classify(site.url, key, "sentiment-en", "Fine.")
    person.keep_state()
    context.close()
    return person
