"""Model cards: what a version is, in Markdown, from facts alone."""

from collections.abc import Mapping
from typing import Any

from mlworker.registry.contracts import Lineage, NewModelVersion


def model_card(*, name: str, version: NewModelVersion, lineage: Lineage) -> str:
    """Return the card of one version."""
    lines = [
        f"# {name}",
        "",
        f"Task `{version.task}`, fine-tuned from `{version.base}` with the tier `{version.tier}`.",
        "",
        "## Labels",
        "",
        *(f"- {_plain(label)}" for label in version.labels),
        "",
        "## Quality",
        "",
        *_quality(version.metrics),
        *_pointer(version),
        "",
        "## Lineage",
        "",
        f"- dataset version: `{lineage.dataset_version}`, sha256 `{lineage.dataset_hash}`",
        f"- rows: {', '.join(f'{split} {rows:,}' for split, rows in lineage.splits.items())}",
        *([f"- continued from: `{lineage.parent}`"] if lineage.parent else []),
        f"- seed: {lineage.seed}",
        f"- configuration: {_settings(lineage.config)}",
        f"- trained tokens: {lineage.trained_tokens:,} in {lineage.seconds:.0f} s",
        f"- hardware: {lineage.hardware}",
        f"- code: anneal {lineage.code_version}; {_settings(lineage.libraries)}",
        "",
        "## Limits",
        "",
        "It has learned from the rows named above and knows nothing else: texts of another kind, "
        "language or length than those can be answered wrongly and confidently.",
    ]
    return "\n".join(lines) + "\n"


def _quality(metrics: Mapping[str, Any]) -> list[str]:
    test, validation = metrics.get("test") or {}, metrics.get("validation") or {}
    if not test and not validation:
        return ["Not measured: the dataset had no rows to spare for a test."]
    lines = ["| split | rows | accuracy | macro F1 |", "|---|---|---|---|"]
    for split, scores in (("validation", validation), ("test", test)):
        if scores:
            lines.append(
                f"| {split} | {scores.get('rows', '')} | {_number(scores.get('accuracy'))} "
                f"| {_number(scores.get('macro_f1'))} |"
            )
    return lines


def _pointer(version: NewModelVersion) -> list[str]:
    if not version.evaluation.report_key:
        return []
    return ["", "Intervals, confusion, calibration and baselines: see the evaluation report."]


def _number(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float | int) else ""


def _settings(values: Mapping[str, object]) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(values.items()))


def _plain(label: str) -> str:
    """A label is the customer's text: as code, it can neither be markup nor end the line."""
    return f"`{' '.join(label.replace('`', chr(39)).split())}`"
