"""Folds, a search and labels by column on the page: what is offered, what is drawn, what is read.

ANNEAL_TEST_SHOTS names a folder that keeps the pictures.
"""

import os
import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import ContextMaker
from tests.browser.looks import Looks, in_looks
from tests.browser.person import TRAINED_MS, Person, person_new
from tests.browser.test_pages import settle, violations

SHOTS = os.environ.get("ANNEAL_TEST_SHOTS")
FOLDS, TRIALS = 3, 4
TOPICS = ("food", "service", "price")


def topics_csv(path: Path, rows: int = 200) -> Path:
    """Reviews whose topics are columns of 0 and 1."""
    lines = ["review," + ",".join(TOPICS)]
    for number in range(rows):
        given = [number >> bit & 1 for bit in range(len(TOPICS))]
        named = [topic for topic, is_given in zip(TOPICS, given, strict=True) if is_given]
        said = " and ".join(named) or "nothing much"
        lines.append(f"visit {number}: they talk about {said}," + ",".join(map(str, given)))
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return path


def study_begin(person: Person) -> None:
    """On the form of a new job: tier head, with folds and a search."""
    page = person.page
    person.follow("datasets:train")
    page.get_by_role("radio", name=person.say("training:presets.quick.name")).click()
    person.fill("training:form.suffix", "studied")
    person.press("training:form.advanced")
    person.fill("training:study.folds", str(FOLDS))
    person.fill("training:study.trials", str(TRIALS))
    expect(page.get_by_text(person.say("training:form.maxChargeFree"))).to_be_visible()
    person.press("training:estimate.start")
    page.wait_for_url("**/training/ftjob-*")


def ready(person: Person) -> str:
    """Wait for the job on screen; return its address."""
    page = person.page
    expect(page.get_by_text(person.say("training:outcome.ready"))).to_be_visible(timeout=TRAINED_MS)
    return page.url


def look_at(context_new: ContextMaker, person: Person, addresses: list[str], looks: Looks) -> None:
    """Every page in each look: nothing axe objects to, nothing that scrolls sideways."""
    for language, dark, size in looks:
        context = context_new(
            language=language,
            dark=dark,
            size=size,
            bypass_csp=True,
            storage_state=person.state,
            reduced_motion="reduce",
        )
        seen = context.new_page()
        for number, address in enumerate(addresses):
            settle(seen, address)
            if SHOTS:
                name = f"{language}-{'dark' if dark else 'light'}-{size[0]}-{number}.png"
                seen.screenshot(path=Path(SHOTS) / name, full_page=True)
            assert violations(seen) == [], address
            width = seen.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert width <= 0, f"{address} scrolls sideways"


def rows_in(page: Page, name: str) -> int:
    """Return how many rows a table has under its head."""
    return page.get_by_role("table", name=name).get_by_role("row").count() - 1


def study_is_drawn(person: Person) -> None:
    """Both panels show all they found; the machine's figures are drawn beside the loss."""
    page = person.page
    for title in (
        person.say("training:study.crossValidation", folds=FOLDS),
        person.say("training:study.search", trials=TRIALS),
    ):
        expect(page.get_by_role("heading", name=title)).to_be_visible()
    assert rows_in(page, person.say("training:study.byFold")) == FOLDS
    assert rows_in(page, person.say("training:study.tried")) == TRIALS
    errors = page.get_by_role("heading", name=person.say("training:study.errors"))
    expect(errors.first).to_be_visible()
    drawn = page.get_by_test_id("machine-charts")
    expect(
        drawn.get_by_role("heading", name=person.say("training:chart.megabytes"))
    ).to_be_visible()


def exports_are_its_own(person: Person) -> None:
    """The model of the job on screen offers the exports that it has: a head has no adapter."""
    page = person.page
    model = page.get_by_text(re.compile(r"^ft:minilm-l6:.*:studied:")).first.inner_text()
    person.open(f"/models/{model}")
    page.get_by_role("combobox", name=person.say("models:exports.format")).click()
    for form, count in (("onnx", 1), ("adapter", 0)):
        name = person.say(f"models:exports.formats.{form}")
        expect(page.get_by_role("option", name=name, exact=True)).to_have_count(count)
    page.keyboard.press("Escape")


def topics_upload(person: Person, path: Path) -> None:
    """Upload a file whose labels are columns, which the page says it has seen."""
    page = person.page
    person.open("/datasets/new")
    page.locator("input[type=file]").set_input_files(topics_csv(path))
    told = person.say("datasets:report.codes.one_hot_columns", column=", ".join(TOPICS))
    expect(page.get_by_text(told)).to_be_visible()
    person.press("datasets:new.submit")
    page.wait_for_url("**/datasets/ds_*")


def folds_begin(person: Person) -> str:
    """The form offers folds for it and no search; return the form's address."""
    page = person.page
    person.follow("datasets:train")
    page.get_by_role("radio", name=person.say("training:presets.quick.name")).click()
    person.press("training:form.advanced")
    expect(page.get_by_text(person.say("training:study.denied.search"))).to_be_visible()
    expect(page.get_by_label(person.say("training:study.trials"), exact=True)).to_have_count(0)
    form = page.url
    person.fill("training:study.folds", str(FOLDS))
    person.press("training:estimate.start")
    page.wait_for_url("**/training/ftjob-*")
    return form


def folds_are_judged(person: Person) -> None:
    """The folds are judged by the task's own figures, without labels that look wrong."""
    page, name = person.page, person.say("training:study.byFold")
    assert rows_in(page, name) == FOLDS
    for figure in ("micro_f1", "macro_f1", "subset_accuracy"):
        title = person.say(f"evaluation:figure.{figure}")
        heads = page.get_by_role("table", name=name).get_by_role("columnheader", name=title)
        expect(heads).to_be_visible()
    expect(page.get_by_text(person.say("training:study.errors"))).to_have_count(0)


def report_sets_beside(person: Person) -> None:
    """Its report sets it beside simple methods."""
    page = person.page
    person.follow("training:outcome.report")
    person.follow("models:report")
    expect(page.get_by_test_id("verdict")).to_be_visible()
    beside = page.get_by_role("table", name=person.say("evaluation:baselines.title"))
    expect(
        beside.get_by_role("columnheader", name=person.say("evaluation:figure.micro_f1"))
    ).to_be_visible()
    expect(page.get_by_text(person.say("evaluation:baselines.frequency")).first).to_be_visible()
    page.get_by_text(person.say("evaluation:samples.best"), exact=True).click()
    expect(page.get_by_role("heading", name=person.say("evaluation:rows.best"))).to_be_visible()


@in_looks
def test_a_study_and_labels_by_column_from_the_form_to_the_report(
    context_new: ContextMaker, tmp_path: Path, looks: Looks
) -> None:
    page = context_new().new_page()
    person = person_new(page, "en")
    person.sign_up()
    person.sample_data_add()

    # when a job is begun with folds and a search, after its price has been said
    study_begin(person)
    studied = ready(person)
    study_is_drawn(person)
    exports_are_its_own(person)

    # when a file has its labels in columns of 0 and 1
    topics_upload(person, tmp_path / "topics.csv")
    form = folds_begin(person)
    folded = ready(person)
    folds_are_judged(person)
    report_sets_beside(person)

    person.keep_state()
    report = re.sub(r"^https?://[^/]+", "", page.url)
    paths = [report, *(re.sub(r"^https?://[^/]+", "", one) for one in (studied, form, folded))]
    look_at(context_new, person, paths, looks)
