"""A deployment on the page: compared in the shadow, shaped, ruled, paused, promoted with a warning,
and with a canary.

ANNEAL_TEST_SHOTS names a folder that keeps the pictures.
"""

import re
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import ContextMaker, Site
from tests.browser.looks import Looks, in_looks
from tests.browser.person import ANSWERED_MS, Person, api_classify, person_new
from tests.browser.test_evaluation import trained
from tests.browser.test_studies import look_at

MODEL = "sentiment-en"
CALLS = 4


def moods_csv(path: Path, rows: int = 120) -> Path:
    """Reviews whose labels are not those of the shipped model."""
    moods = (("up", "lovely and warm"), ("down", "awful and cold"))
    lines = ["review,mood"]
    for number in range(rows):
        mood, words = moods[number % 2]
        lines.append(f"visit {number} was {words},{mood}")
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return path


def deployed(person: Person, name: str) -> str:
    """Deploy the shipped model; return the address of the deployment's page."""
    page = person.page
    person.open("/deployments")
    page.get_by_role("main").get_by_role(
        "button", name=person.say("deployments:create")
    ).first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label(person.say("deployments:columns.name")).fill(name)
    dialog.get_by_role("combobox", name=person.say("deployments:columns.model")).click()
    page.get_by_role("option", name=MODEL, exact=True).click()
    dialog.get_by_role("button", name=person.say("deployments:form.submit")).click()
    page.wait_for_url("**/deployments/dep_*")
    return page.url


def shadow_begin(person: Person, model: str) -> None:
    """Compare a model on every call."""
    page = person.page
    page.get_by_role("combobox", name=person.say("deployments:shadow.model")).click()
    page.get_by_role("option", name=model, exact=True).click()
    person.fill("deployments:shadow.percent", "100")
    person.press("deployments:shadow.begin")
    running = person.say("deployments:shadow.running", model=model, percent=100)
    expect(page.get_by_text(running)).to_be_visible()


def shadow_promote(person: Person) -> None:
    """Promote the shadow, which answers with other labels than programs know."""
    page = person.page
    person.press("deployments:shadow.promote")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("down, up")
    dialog.get_by_role("button", name=person.say("deployments:force.confirm")).click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_text(person.say("deployments:actions.promoted"))).to_be_visible()


def labels_met(site: Site, key: str) -> set[str]:
    """What many calls with one text are answered."""
    answers = [api_classify(site.url, key, "compared", "A wonderful film.") for _ in range(40)]
    return {answer["data"][0]["label"] for answer in answers}


def canary_begin(person: Person, model: str, percent: int) -> None:
    """Let a model with other labels answer a share of the calls, knowing that it has."""
    page = person.page
    page.get_by_role("combobox", name=person.say("deployments:canary.model")).click()
    page.get_by_role("option", name=model, exact=True).click()
    person.fill("deployments:canary.percent", str(percent))
    person.press("deployments:canary.begin")
    canary_let(person, model, percent)


def canary_change(person: Person, model: str, percent: int) -> None:
    """Give the canary another share."""
    person.fill("deployments:canary.percent", str(percent))
    person.press("deployments:canary.change")
    canary_let(person, model, percent)


def canary_end(person: Person, model: str, percent: int) -> None:
    """Let the main model answer all calls again."""
    person.press("deployments:canary.end")
    running = person.say("deployments:canary.running", model=model, percent=percent)
    expect(person.page.get_by_text(running)).to_have_count(0)


def canary_let(person: Person, model: str, percent: int) -> None:
    """Say that programs know its labels; then it runs."""
    person.press("deployments:force.canary")
    running = person.say("deployments:canary.running", model=model, percent=percent)
    expect(person.page.get_by_text(running)).to_be_visible()


def shape(person: Person) -> None:
    """Give a label another name, and words to a rule."""
    page = person.page
    person.fill("deployments:output.labels", "positive = great")
    person.press("deployments:output.save")
    expect(page.get_by_text(person.say("deployments:output.saved"))).to_be_visible()
    person.press("deployments:rules.add")
    rule = page.get_by_role("group", name=person.say("deployments:rules.rule", number=1))
    rule.get_by_label(person.say("deployments:rules.pattern")).fill("refund*")
    rule.get_by_label(person.say("deployments:rules.label")).fill("billing")
    person.press("deployments:rules.save")
    expect(page.get_by_text(person.say("deployments:output.saved"))).to_be_visible()


@in_looks
def test_a_deployment_is_compared_shaped_paused_and_promoted(
    context_new: ContextMaker, site: Site, tmp_path: Path, looks: Looks
) -> None:
    # given a deployment of the shipped model, and a model with other labels
    page = context_new().new_page()
    person = person_new(page, "en")
    person.sign_up()
    key = person.key_create("Caller")
    person.upload(moods_csv(tmp_path / "moods.csv"), label="mood")
    model = trained(person, "moods")
    address = deployed(person, "compared")

    # when the model runs in its shadow on every call
    shadow_begin(person, model)
    for _ in range(CALLS):
        api_classify(site.url, key, "compared", "A wonderful film.")

    # then the two stand side by side, and each answer is another
    table = page.get_by_role("table", name=person.say("deployments:compare.since", revision=2))
    calls = re.compile(rf"^{person.say('deployments:compare.calls')} {CALLS}\b")
    expect(table.get_by_role("row", name=calls)).to_be_visible(timeout=ANSWERED_MS)
    changes = page.get_by_role("table", name=person.say("deployments:compare.changes"))
    expect(changes.get_by_text("positive").first).to_be_visible(timeout=ANSWERED_MS)

    # when its answers get other names and a rule
    shape(person)

    # then calls get them at once
    [row] = api_classify(site.url, key, "compared", "A wonderful film.")["data"]
    [ruled] = api_classify(site.url, key, "compared", "A refund, please.")["data"]
    assert (row["label"], ruled["label"], ruled["rule"]) == ("great", "billing", "refund*")

    # when it is paused, then the page says so in every look
    person.press("deployments:pause")
    expect(page.get_by_role("status")).to_be_visible()
    person.keep_state()
    look_at(context_new, person, [address], looks)
    person.press("deployments:resume")

    # when the shadow is promoted, then the page warns of the labels first
    shadow_promote(person)

    # when the old model answers a part of the calls as a canary, then they meet both
    canary_begin(person, MODEL, 25)
    canary_change(person, MODEL, 50)
    met = labels_met(site, key)
    assert len(met & {"great"}) == len(met & {"up", "down"}) == 1
    canary_end(person, MODEL, 50)
