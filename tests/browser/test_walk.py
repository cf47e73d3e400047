"""The main road, walked once in each language: from the landing page to calls of an own model."""

import random
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ContextMaker, Site
from tests.browser.person import ANSWERED_MS, api_classify, person_new

GOOD = ("great", "lovely", "excellent", "wonderful", "perfect")
BAD = ("awful", "terrible", "broken", "useless", "dreadful")
THINGS = ("battery", "screen", "handle", "fabric", "cable", "manual", "lid", "strap")
ROWS = 2_400


def reviews_write(path: Path) -> Path:
    """Write a CSV of made-up reviews whose labels follow from their words."""
    chance = random.Random(11)
    lines = ["review,verdict,stars"]
    for number in range(ROWS):
        label, words, stars = (("good", GOOD, 5), ("bad", BAD, 1))[number % 2]
        first, second = chance.sample(THINGS, 2)
        said = f"The {first} is {chance.choice(words)} and the {second} {chance.choice(words)}"
        lines.append(f'"{said}, order {number}",{label},{stars}')
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("language", ["en", "zh-Hans"])
def test_from_the_landing_page_to_an_own_model(
    context_new: ContextMaker, site: Site, tmp_path: Path, language: str
) -> None:
    page = context_new(language=language).new_page()
    person = person_new(page, language)

    # The landing page's box: English texts, and the page says so in its own language.
    page.goto("/")
    expect(page.locator("html")).to_have_attribute("lang", language)
    expect(page.get_by_text(person.say("landing:box.languages"))).to_be_visible()
    page.get_by_text("Arrived late, box crushed").click()
    trial = page.get_by_test_id("trial-result")
    expect(trial.locator("li[data-top]")).to_contain_text("negative", timeout=ANSWERED_MS)
    person.fill("landing:box.label", "A wonderful little lamp, warm and beautifully made.")
    page.get_by_role("button", name=person.say("landing:box.run")).click()
    expect(trial.locator("li[data-top]")).to_contain_text("positive", timeout=ANSWERED_MS)

    # Sign-up, and a key that works at once.
    person.sign_up()
    key = person.key_create("walk")
    answer = api_classify(site.url, key, "sentiment-en", "What a wonderful day.")
    assert answer["data"][0]["label"] == "positive"

    # Data: the text's column is guessed, the label's is named (the guess would be the stars).
    person.upload(reviews_write(tmp_path / "reviews.csv"), label="verdict")
    expect(page.get_by_role("heading", level=1)).to_have_text("reviews")
    expect(page.get_by_text("1,920 / 240 / 240")).to_be_visible()

    # A real fine-tune, watched.
    moves = person.train_quickly("walk")
    assert moves >= 2, "the chart did not move"

    # Deployed, and called from the page and by a program.
    person.deploy("walk-prod")
    person.follow("deployments:try")
    assert person.classify("The strap is terrible and the lid awful") == "bad"
    mine = api_classify(site.url, key, "walk-prod", "The lid is lovely and the strap perfect")
    assert mine["data"][0]["label"] == "good"

    # All of it was counted, and the first steps are done.
    person.open("/usage")
    expect(page.get_by_test_id("used-prediction")).to_have_text("3")
    expect(page.get_by_test_id("used-trained_token")).to_have_text(re.compile(r"[1-9]"))
    person.open("")
    expect(page.get_by_text(person.say("home:leadDone"))).to_be_visible()


def test_the_language_changes_without_a_reload_and_stays(context_new: ContextMaker) -> None:
    # given an English visitor
    page = context_new().new_page()
    page.goto("/")
    page.evaluate("window.sameDocument = true")
    # when Chinese is chosen
    page.get_by_role("button", name="简体中文").click()
    # then the page speaks Chinese, has not been loaded anew, and remembers
    expect(page.get_by_role("link", name="免费注册").first).to_be_visible()
    assert page.evaluate("window.sameDocument") is True
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
