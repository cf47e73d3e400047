"""Best and worst rows of a model's evaluations while it trains, in every look.

ANNEAL_TEST_SHOTS names a folder that keeps the pictures.
"""

import csv
import re
from pathlib import Path

from playwright.sync_api import Locator, expect

from mlworker.engine.training.samples import EACH
from tenants.datasets.samples import sample_reviews
from tests.browser.conftest import ContextMaker
from tests.browser.looks import Looks, in_looks
from tests.browser.person import TRAINED_MS, Person, person_new
from tests.browser.test_studies import look_at

ROWS = 120
OPENING = "Order {number}, which arrived late, twice repacked and with a note from the driver. "
LONG = 4
"""Openings of a text: more than the lines that a cell shows."""


def reviews_csv(path: Path) -> Path:
    """Reviews that are longer than a cell should be."""
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(("text", "label"))
        for number, (text, label) in enumerate(sample_reviews(ROWS)):
            writer.writerow((text + " " + OPENING.format(number=number) * LONG, label))
    return path


def losses(table: Locator) -> list[float]:
    """Return the last column."""
    return [float(cell) for cell in table.locator("td:last-child").all_inner_texts()]


def training_start(person: Person, path: Path) -> None:
    """Upload a file and train adapters on it."""
    person.upload(path, label="label")
    person.follow("datasets:train")
    person.page.get_by_role("radio", name=person.say("training:presets.balanced.name")).click()
    person.press("training:estimate.start")
    person.page.wait_for_url("**/training/ftjob-*")


@in_looks
def test_a_training_shows_the_rows_it_gets_most_wrong_and_most_right(
    context_new: ContextMaker, tmp_path: Path, looks: Looks
) -> None:
    page = context_new().new_page()
    person = person_new(page, "en")
    person.sign_up()

    # when somebody trains adapters on long texts
    training_start(person, reviews_csv(tmp_path / "reviews.csv"))

    # then an evaluation's worst rows are there with their texts, before it has ended
    ready = page.get_by_text(person.say("training:outcome.ready"))
    panel = page.get_by_role("region", name=person.say("training:samples.title"), exact=True)
    worst = panel.get_by_role("table", name=person.say("training:samples.worst"))
    expect(worst.get_by_role("row")).to_have_count(1 + EACH, timeout=TRAINED_MS)
    expect(ready).to_have_count(0)
    expect(worst.get_by_text("which arrived late")).to_have_count(EACH)

    # and a pause keeps where it is: a training as short as this one writes no other checkpoint
    person.press("training:job.pause")
    person.press("training:job.resume")

    # and the best ones are one press away: their loss is lower
    expect(ready).to_be_visible(timeout=TRAINED_MS)
    page.wait_for_load_state("networkidle")
    highest = losses(worst)
    panel.get_by_text(person.say("training:samples.best"), exact=True).click()
    best = panel.get_by_role("table", name=person.say("training:samples.best"))
    expect(best.get_by_role("row")).to_have_count(1 + EACH)
    lowest = losses(best)
    assert highest == sorted(highest, reverse=True)
    assert lowest == sorted(lowest)
    assert max(lowest) < min(highest)

    # and another job can begin with its last checkpoint
    trained = page.url
    page.get_by_role("link", name=person.say("training:checkpoints.continue")).first.click()
    page.wait_for_url("**/training/new?*")
    expect(page.get_by_text(person.say("training:form.continued"))).to_be_visible()
    checkpoint = page.get_by_role("combobox", name=person.say("training:form.checkpoint"))
    expect(checkpoint.first).to_be_visible()
    expect(page.get_by_role("button", name=person.say("training:estimate.start"))).to_be_enabled()

    # and both pages fit every look
    person.keep_state()
    paths = [re.sub(r"^https?://[^/]+", "", one) for one in (trained, page.url)]
    look_at(context_new, person, paths, looks)
