"""Versions side by side, and only what differs between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from anneal.kernel.errors import InvalidRequest
from anneal.kernel.scopes import OrganizationRef, require_scope
from mlworker.engine.tasks import TASKS
from mlworker.registry.errors import EvaluationMissing, ModelNotFound
from mlworker.registry.evaluation.selectors import figures_of, report_read
from mlworker.registry.models import ModelVersion

MOST: Final = 5
_ABSENT: Final = None


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact that is not the same in all versions; values in the order of the versions."""

    group: str
    name: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Up to five versions. ``same_rows``: they answered the same rows, so figures may be set
    against each other."""

    models: tuple[str, ...]
    same_rows: bool
    differences: tuple[Difference, ...]


def models_compare(*, organization: OrganizationRef, names: Sequence[str]) -> Comparison:
    """Compare own versions by name; ModelNotFound when one is not among them."""
    require_scope(organization)
    if not 2 <= len(names) <= MOST or len(set(names)) != len(names):
        raise InvalidRequest(f"Name 2 to {MOST} different models, with commas.", param="models")
    if any("\0" in name for name in names):
        raise ModelNotFound
    found = {row.name: row for row in ModelVersion.objects.filter(name__in=names)}
    if len(found) != len(names):
        raise ModelNotFound
    facts = [_facts(found[name]) for name in names]
    keys = list(dict.fromkeys(key for each in facts for key in each))
    differences = []
    for key in keys:
        values = tuple(each.get(key, _ABSENT) for each in facts)
        if any(value != values[0] for value in values):
            differences.append(Difference(*key, values))
    rows = {
        (row.evaluation_version_id, facts[at].get(("evaluation", "split")))
        for at, row in enumerate(found[name] for name in names)
    }
    return Comparison(
        models=tuple(names),
        same_rows=len(rows) == 1 and all(found[name].report_key for name in names),
        differences=tuple(differences),
    )


def _facts(row: ModelVersion) -> dict[tuple[str, str], Any]:
    lineage = row.lineage
    facts: dict[tuple[str, str], Any] = {
        ("model", "base"): row.base,
        ("model", "tier"): row.tier,
        ("model", "task"): row.task,
        ("model", "labels"): len(row.labels),
        ("data", "dataset_version"): lineage.get("dataset_version"),
        ("data", "dataset_hash"): lineage.get("dataset_hash"),
        ("training", "seed"): lineage.get("seed"),
        ("training", "seconds"): lineage.get("seconds"),
        ("training", "trained_tokens"): lineage.get("trained_tokens"),
        ("training", "code_version"): lineage.get("code_version"),
        ("training", "hardware"): lineage.get("hardware"),
    }
    for name, rows in lineage.get("splits", {}).items():
        facts["data", f"rows_{name}"] = rows
    for name, value in lineage.get("config", {}).items():
        facts["config", name] = value
    return {**facts, **_figures(row)}


def _figures(row: ModelVersion) -> dict[tuple[str, str], Any]:
    """The report's headline; of a version without one, what its job measured."""
    try:
        report = report_read(row) if row.report_key else None
    except EvaluationMissing:
        report = None
    if report is None:
        test = row.metrics.get("test") or {}
        return {("evaluation", name): test.get(name) for name in _headline(row)}
    figures: dict[tuple[str, str], Any] = {
        ("evaluation", "split"): report["split"],
        ("evaluation", "rows"): report["rows"],
        **_intervals(figures_of(report)),
        ("evaluation", "loss"): report["loss"],
        ("evaluation", "p50_ms"): report["speed"]["p50_ms"],
        ("evaluation", "rows_per_second"): report["speed"]["rows_per_second"],
    }
    if report.get("averages"):
        figures["evaluation", "weighted_f1"] = report["averages"]["weighted"]["f1"]
    if report.get("calibration"):
        figures["evaluation", "ece"] = report["calibration"]["ece"]
    if report.get("comparison"):
        figures["evaluation", "verdict"] = report["comparison"]["verdict"]
    for line in (report.get("per_class") or [])[:_LABELS]:
        figures["f1", line["label"]] = line["f1"]
    return figures


def _headline(row: ModelVersion) -> tuple[str, ...]:
    known = TASKS.get(row.task)
    return known.headline if known else ()


def _intervals(figures: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], Any]:
    """Each figure; the first, which tasks look at, with its interval."""
    found = {("evaluation", figure["name"]): figure["value"] for figure in figures}
    for figure in figures[:1]:
        found["evaluation", f"{figure['name']}_low"] = figure["low"]
        found["evaluation", f"{figure['name']}_high"] = figure["high"]
    return found


_LABELS: Final = 50
"""Labels whose F1 is compared one by one."""
