"""Trained models' reports on the page: verdict, cells that open, the document, comparison."""

import csv
import random
import re
from pathlib import Path

from playwright.sync_api import expect

from tenants.datasets.samples import NEGATIVE, POSITIVE, sample_reviews
from tests.browser.conftest import ContextMaker
from tests.browser.looks import LOOKS, Looks, in_looks
from tests.browser.person import Person, person_new
from tests.browser.test_studies import look_at


def trained(person: Person, name: str) -> str:
    """Train on the dataset on screen; return the model's name."""
    page = person.page
    person.train_quickly(name)
    shown = page.get_by_text(re.compile(rf"^ft:minilm-l6:.*:{name}:"))
    return shown.first.inner_text()


def reviews_wide(path: Path) -> Path:
    """Write reviews of three sources; what came by phone is labelled by a coin."""
    chance = random.Random(3)
    with path.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["text", "label", "source", "price", "customer"])
        for number, (text, label) in enumerate(sample_reviews(1_200)):
            source = ("web", "phone", "shop")[number % 3]
            given = chance.choice((POSITIVE, NEGATIVE)) if source == "phone" else label
            writer.writerow([text, given, source, chance.randint(1, 900), f"customer {number}"])
    return path


def wide_upload(person: Person, folder: Path) -> None:
    """Upload reviews with three further columns, of which the last is taken out."""
    page = person.page
    person.open("/datasets/new")
    page.locator("input[type=file]").set_input_files(reviews_wide(folder / "reviews.csv"))
    kept = page.get_by_label(person.say("datasets:new.metaColumns"), exact=True).first
    expect(page.get_by_text(person.say("datasets:new.roleMeta"), exact=True)).to_have_count(3)
    kept.focus()
    page.keyboard.press("Backspace")
    expect(page.get_by_text(person.say("datasets:new.roleMeta"), exact=True)).to_have_count(2)
    person.press("datasets:new.submit")
    page.wait_for_url("**/datasets/ds_*")


@in_looks
def test_a_report_is_cut_by_what_else_the_file_says(
    context_new: ContextMaker, tmp_path: Path, looks: Looks
) -> None:
    # given a file with further columns, one of which somebody takes out before the upload
    page = context_new().new_page()
    person = person_new(page, "en")
    person.sign_up()
    wide_upload(person, tmp_path)

    # then its rows show the others
    expect(page.get_by_text(re.compile(r"source: web · price: \d+")).first).to_be_visible()
    expect(page.get_by_text("customer 1")).to_have_count(0)

    # and the report of a model says where it is worse
    model = trained(person, "wide")
    person.open(f"/models/{model}/evaluation")
    found = page.get_by_role("region", name=person.say("evaluation:by.title"))
    expect(found.get_by_text("source · phone")).to_be_visible()
    expect(found.get_by_role("cell", name="phone")).to_be_visible()
    expect(found.get_by_text(person.say("evaluation:by.worse"), exact=True)).to_have_count(1)
    found.get_by_label(person.say("evaluation:by.column"), exact=True).first.click()
    page.get_by_role("option", name="price", exact=True).click()
    expect(found.get_by_role("cell", name=re.compile(r"^\d+ to \d+$"))).to_have_count(4)
    with page.expect_download() as download:
        person.press("evaluation:download")
    download.value.save_as(tmp_path / "evaluation.pdf")

    # in both languages and looks, without a violation
    person.keep_state()
    address = f"/o/{person.organization}/models/{model}/evaluation"
    look_at(context_new, person, [address], looks)


def test_a_report_is_read_opened_printed_and_compared(context_new: ContextMaker) -> None:
    # given somebody with two trained models, and a browser with the page's own policy
    page = context_new().new_page()
    person = person_new(page, "en")
    person.sign_up()
    person.sample_data_add()
    dataset = page.url
    first = trained(person, "first")
    page.goto(dataset)
    second = trained(person, "second")

    # when the first one's report is opened from its page
    person.open(f"/models/{first}")
    person.follow("models:report")

    # then it says how good it is, and a cell leads to as many rows as it counts
    expect(page.get_by_test_id("verdict")).to_be_visible()
    expect(page.get_by_text(person.say("evaluation:baselines.tf_idf")).first).to_be_visible()
    cell = page.get_by_role("button", name=re.compile(r"answered \w+: \d+$")).first
    name = cell.get_attribute("aria-label") or ""
    cell.click()
    true, predicted, count = re.findall(r"^(\w+), answered (\w+): (\d+)$", name)[0]
    rows = page.get_by_role(
        "region", name=person.say("evaluation:rows.cell", true=true, predicted=predicted)
    ).first
    expect(rows.get_by_text(person.say("evaluation:rows.total", total=count))).to_be_visible()
    with page.expect_download() as download:
        person.press("evaluation:download")
    assert Path(download.value.path()).read_bytes().startswith(b"%PDF-")

    # and two versions are set side by side by what differs
    person.open("/models/compare")
    page.get_by_label(first).check()
    page.get_by_label(second).check()
    expect(
        page.get_by_role("cell", name=person.say("evaluation:facts.seconds")).first
    ).to_be_visible()

    # and neither page violates a rule, in either look
    person.keep_state()
    models = f"/o/{person.organization}/models"
    pages = [f"{models}/{first}/evaluation", f"{models}/compare?models={first},{second}"]
    look_at(context_new, person, pages, LOOKS)
