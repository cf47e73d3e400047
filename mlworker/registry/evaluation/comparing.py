"""Versions side by side, and only what differs between them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from anneal.kernel.errors import InvalidRequest
from anneal.kernel.scopes import OrganizationRef, require_scope
from mlworker.registry.errors import EvaluationMissing, ModelNotFound
from mlworker.registry.evaluation.selectors import report_read
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
        return {
            ("evaluation", "accuracy"): test.get("accuracy"),
            ("evaluation", "macro_f1"): test.get("macro_f1"),
        }
    figures: dict[tuple[str, str], Any] = {
        ("evaluation", "split"): report["split"],
        ("evaluation", "rows"): report["rows"],
        ("evaluation", "accuracy"): report["accuracy"]["value"],
        ("evaluation", "accuracy_low"): report["accuracy"]["low"],
        ("evaluation", "accuracy_high"): report["accuracy"]["high"],
        ("evaluation", "macro_f1"): report["macro_f1"]["value"],
        ("evaluation", "weighted_f1"): report["averages"]["weighted"]["f1"],
        ("evaluation", "loss"): report["loss"],
        ("evaluation", "ece"): report["calibration"]["ece"],
        ("evaluation", "p50_ms"): report["speed"]["p50_ms"],
        ("evaluation", "rows_per_second"): report["speed"]["rows_per_second"],
    }
    comparison = report["comparison"]
    if comparison is not None:
        figures["evaluation", "verdict"] = comparison["verdict"]
    for line in report["per_class"][:_LABELS]:
        figures["f1", line["label"]] = line["f1"]
    return figures


_LABELS: Final = 50
"""Labels whose F1 is compared one by one."""
