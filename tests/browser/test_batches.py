"""A batch on the page: a file chosen, its price seen, run, watched and taken away."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ContextMaker
from tests.browser.person import person_new
from tests.browser.test_pages import violations

DONE_MS = 120_000


@pytest.mark.parametrize("language", ["en", "zh-Hans"])
def test_a_table_becomes_the_same_table_with_answers(
    context_new: ContextMaker, tmp_path: Path, language: str
) -> None:
    dark = language != "en"
    context = context_new(language=language, dark=dark, bypass_csp=True, reduced_motion="reduce")
    person = person_new(context.new_page(), language)
    page = person.page
    table = tmp_path / "reviews.csv"
    table.write_text("id,review\n1,A warm and funny film\n2,\n3,A dull and lifeless mess\n")
    person.sign_up()
    # given a page that explains itself when it is empty
    person.open("/batches")
    expect(page.get_by_text(person.say("batches:empty.text"))).to_be_visible()
    # when the texts' column cannot be guessed, it can be named
    odd = tmp_path / "odd.csv"
    odd.write_text("a,b\n1,A warm film\n")
    person.follow("batches:new")
    page.locator("input[type=file]").set_input_files(odd)
    named = page.get_by_role("textbox", name=person.say("batches:form.column"))
    named.fill("b")
    named.blur()
    chosen = page.get_by_role("combobox", name=person.say("batches:form.column"))
    expect(chosen).to_have_value("b")
    # when a table is chosen, its price is there before anything runs
    page.locator("input[type=file]").set_input_files(table)
    expect(page.get_by_text(person.say("batches:form.free"))).to_be_visible()
    expect(chosen).to_have_value("review")
    assert violations(page) == []
    person.press("batches:form.start")
    page.wait_for_url("**/batches/batch_*")
    # then it runs to its end while the page is looked at, and leaves both files
    done = page.get_by_text(person.say("batches:status.completed"))
    done.first.wait_for(timeout=DONE_MS)
    assert violations(page) == []
    with page.expect_download() as answers:
        person.press("batches:page.output")
    lines = Path(answers.value.path()).read_text().splitlines()
    assert answers.value.suggested_filename == "reviews-output.csv"
    assert lines[0] == "id,review,label,score,scores"
    assert [line.split(",")[2] for line in lines[1:]] == ["positive", "", "negative"]
    with page.expect_download() as errors:
        person.press("batches:page.errors")
    assert '"row":3' in Path(errors.value.path()).read_text()
    # and the list knows it by its file's name
    person.open("/batches")
    expect(page.get_by_role("link", name="reviews.csv")).to_be_visible()
