"""Every warning of a job can be read in every language that the page has."""

import json
import re
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.db import connection

from anneal.kernel.errors import OrganizationSuspended
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from mlworker.jobs.contracts import JobWarning
from mlworker.jobs.errors import MaxChargeExceeded
from mlworker.jobs.models import FineTuningJob
from mlworker.jobs.selectors import job_get
from mlworker.jobs.states import EventKind
from mlworker.jobs.warnings import (
    TRAINER_WARNINGS,
    WarningCode,
    cap_warning,
    hold_lost_warning,
    labels_warning,
    overlap_warning,
    paused_warning,
    unpaid_warning,
)
from mlworker.jobs.working import News, news_write
from tests.unit.factories import make_client
from tests.unit.jobs.factories import claimed, job_path, make_job

ROOT = Path(__file__).resolve().parents[3]
WARNINGS = (
    labels_warning("ft:a", ["new"], 2),
    labels_warning("ft:a", ["new"], 1),
    overlap_warning(12, 40),
    cap_warning(10, 20),
    hold_lost_warning(),
    unpaid_warning(1_000),
    paused_warning(OrganizationSuspended()),
    paused_warning(MaxChargeExceeded()),
    *TRAINER_WARNINGS.values(),
)


def test_each_code_but_that_of_old_sentences_is_used() -> None:
    assert [told.code for told in WARNINGS] == [code for code in WarningCode if code != "note"]


@pytest.mark.parametrize("language", ["en", "zh-Hans"])
@pytest.mark.parametrize("warning", WARNINGS, ids=lambda told: told.code)
def test_a_warning_has_a_text_that_its_data_fills(warning: JobWarning, language: str) -> None:
    path = ROOT / f"frontend/src/i18n/{language}/training.json"
    text = json.loads(path.read_text(encoding="utf-8"))["warnings"][warning.code]
    for name in warning.data:
        text = text.replace("{{" + name + "}}", "")
    assert "{{" not in text


@pytest.mark.parametrize("code", WarningCode)
def test_a_warning_is_documented(code: WarningCode) -> None:
    assert f"| `{code}` |" in (ROOT / "docs/training.md").read_text(encoding="utf-8")


def _event_codes() -> set[str]:
    """What the log's lines carry, as the sources write it."""
    sources = [
        path.read_text(encoding="utf-8")
        for room in ("jobs", "engine")
        for path in (ROOT / "mlworker" / room).rglob("*.py")
    ]
    lines = re.compile(r'code="(\w+\.\w+)"')
    trainers = re.compile(r'LogMessage\(.*, "(\w+\.\w+)"\)')
    return {code for text in sources for code in lines.findall(text) + trainers.findall(text)}


@pytest.mark.parametrize("language", ["en", "zh-Hans"])
def test_each_line_of_a_log_has_a_text(language: str) -> None:
    path = ROOT / f"frontend/src/i18n/{language}/training.json"
    texts = json.loads(path.read_text(encoding="utf-8"))["log"]["codes"]
    known = {f"{group}.{name}" for group, names in texts.items() for name in names}
    codes = _event_codes()
    assert {"job.failed", "trainer.report_missing"} <= codes
    assert codes - known == set()


def test_what_the_trainer_warns_of_stands_on_the_job_once(organization: OrganizationRef) -> None:
    job = make_job(organization)
    claim, news = claimed(), News()
    for number in (1, 2):
        news.add(EventKind.LOG, f"run {number}: lost", code="trainer.run_diverged", level="warn")
    news.add(EventKind.LOG, "ValueError", code="trainer.report_missing", level="warn")
    news.add(EventKind.LOG, "a tenth is held out", code="trainer.rows_held_out")

    news_write(claim, news)

    told = make_client(organization).get(job_path(job.id)).json()["warnings"]
    assert [each["code"] for each in told] == ["run_diverged", "report_missing"]
    assert all(each["message"].endswith(".") for each in told)


def test_many_labels_are_counted_and_a_few_named() -> None:
    told = labels_warning("ft:a", [f"label {number}" for number in range(9)], 12)
    assert told.data["labels"] == [f"label {number}" for number in range(5)]
    assert (told.data["new"], told.data["total"]) == (9, 12)
    assert told.message.endswith("'label 4', ...: the last layer begins anew for 9 of 12 labels.")


def test_sentences_from_before_there_were_codes_stay_readable(
    organization: OrganizationRef,
) -> None:
    job = make_job(organization)
    with tenant_scope(organization):
        FineTuningJob.objects.filter(id=job.id).update(warnings=["One.", "Two."])
    migration = import_module("mlworker.jobs.migrations.0011_warnings_with_codes")
    with system_scope("test"):
        migration.warnings_code(None, SimpleNamespace(connection=connection))
    with tenant_scope(organization):
        told = job_get(organization=organization, reference=job.public_id).warnings
    assert told == (JobWarning("note", "One."), JobWarning("note", "Two."))
