"""Model cards: what a version is, in Markdown, from facts alone."""

from collections.abc import Mapping
from typing import Any, Final

from mlworker.engine.precision import gate_of
from mlworker.engine.tasks import task_named
from mlworker.registry.contracts import Lineage, NewModelVersion, Origin

_TRAINED: Final = (
    "It has learned from the rows named above and knows nothing else: texts of another kind, "
    "language or length than those can be answered wrongly and confidently."
)
_IMPORTED: Final = (
    "It was trained elsewhere: what it has learned from is not known here, and nothing of it was "
    "measured here."
)

_TITLES: Final = {
    "f1": "F1 of entities",
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
    "subset_accuracy": "exactly the labels",
    "mae": "mean absolute error",
    "rmse": "root mean squared error",
    "r2": "R²",
    "spearman": "rank correlation",
}


def model_card(*, name: str, version: NewModelVersion, lineage: Lineage) -> str:
    """Return the card of one version."""
    imported = version.origin is Origin.IMPORT
    how = "imported, of the shape of" if imported else "fine-tuned from"
    lines = [
        f"# {name}",
        "",
        f"Task `{version.task}`, {how} `{version.base}` with the tier `{version.tier}`.",
        "",
        "## Labels",
        "",
        *(f"- {_plain(label)}" for label in version.labels),
        "",
        "## Quality",
        "",
        *_quality(version.metrics, version.task),
        *_pointer(version),
        "",
        "## Lineage",
        "",
        *(_files(lineage) if imported else _training(lineage)),
        "",
        "## Limits",
        "",
        _IMPORTED if imported else _TRAINED,
    ]
    return "\n".join(lines) + "\n"


def _training(lineage: Lineage) -> list[str]:
    extra, sealed = lineage.validation_version, lineage.sealed_version
    return [
        f"- dataset version: `{lineage.dataset_version}`, sha256 `{lineage.dataset_hash}`",
        *([f"- validated on `{extra}`, sha256 `{lineage.validation_hash}`"] if extra else []),
        *([f"- tested on the sealed rows of `{sealed}`"] if sealed else []),
        *([f"- went on from: `{lineage.parent}`"] if lineage.parent else []),
        f"- rows: {', '.join(f'{split} {rows:,}' for split, rows in lineage.splits.items())}",
        *_split(lineage),
        f"- seed: {lineage.seed}",
        f"- configuration: {_settings(lineage.config)}",
        *([f"- cross-validated with {lineage.folds} folds"] if lineage.folds else []),
        f"- trained tokens: {lineage.trained_tokens:,} in {lineage.seconds:.0f} s{_price(lineage)}",
        f"- hardware: {lineage.hardware}",
        f"- code: anneal {lineage.code_version}; {_settings(lineage.libraries)}",
    ]


def _price(lineage: Lineage) -> str:
    price = lineage.price
    return f", for {price['amount']} {price['currency']}" if "amount" in price else ""


def _split(lineage: Lineage) -> list[str]:
    if not lineage.split_hash:
        return []
    return [f"- split: seed {lineage.split_seed}, row ids sha256 `{lineage.split_hash}`"]


def _files(lineage: Lineage) -> list[str]:
    return [f"- imported `{name}`, sha256 `{hash_}`" for name, hash_ in lineage.imported.items()]


def _quality(metrics: Mapping[str, Any], task: str) -> list[str]:
    test, validation = metrics.get("test") or {}, metrics.get("validation") or {}
    if not test and not validation:
        return ["Not measured: there were no rows to spare for a test."]
    names = task_named(task).headline
    titles = " | ".join(_TITLES.get(name, name) for name in names)
    lines = [f"| split | rows | {titles} |", "|---|---" + "|---" * len(names) + "|"]
    for split, scores in (("validation", validation), ("test", test)):
        if scores:
            figures = " | ".join(_number(scores.get(name)) for name in names)
            lines.append(f"| {split} | {scores.get('rows', '')} | {figures} |")
    return [*lines, *_precision(metrics)]


def _precision(metrics: Mapping[str, Any]) -> list[str]:
    gate = gate_of(metrics)
    if gate is None:
        return []
    name = _TITLES.get(gate.metric, gate.metric)
    serves = "served in bf16 where a processor has it" if gate.passed else "served in float32"
    return [
        "",
        f"In bf16 {name} is {gate.bfloat16:.4f} instead of {gate.float32:.4f} on {gate.rows} rows "
        f"of the {gate.split} split: {serves}.",
    ]


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
