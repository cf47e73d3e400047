"""Versions with a report: the engine's own, of a model that never ran, on rows that exist."""

import io
import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa

from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from anneal.kernel.storage import object_put, tenant_key
from mlworker.engine.evaluation.baselines import (
    Baseline,
    class_figures,
    compare,
    compare_macro_f1,
    majority,
)
from mlworker.engine.evaluation.column_slices import column_slices
from mlworker.engine.evaluation.counts import Floats
from mlworker.engine.evaluation.predictions import (
    Answers,
    predictions_table,
    predictions_write,
)
from mlworker.engine.evaluation.report import Subject, build_report
from mlworker.engine.evaluation.rivals import METHOD
from mlworker.engine.evaluation.significance import verdict_of
from mlworker.engine.evaluation.subject import Scored
from mlworker.registry.contracts import ModelVersionInfo, NewEvaluation
from mlworker.registry.services import model_version_register
from tenants.datasets.contracts import DatasetInfo, Split
from tenants.datasets.selectors import dataset_version_read
from tenants.datasets.services import dataset_create
from tests.unit.datasets.helpers import csv_of, good_rows
from tests.unit.evaluation.factories import nothing
from tests.unit.registry.factories import LINEAGE, new_version

SPEED = {
    "p50_ms": 4.0,
    "p95_ms": 6.0,
    "rows_per_second": 300.0,
    "calls": 40,
    "rows": 100,
    "threads": 2,
    "device": "cpu",
    "precision": "float32",
}


def wide_csv(rows: int = 400) -> bytes:
    """Write rows with a column of three sources, which a quarter lacks, and one of prices."""
    lines = [
        f"{text},{label},{('web', 'phone', 'shop', '')[n % 4]},{n * 3}"
        for n, (text, label) in enumerate(good_rows(rows))
    ]
    return "\n".join(["text,label,source,price", *lines, ""]).encode()


def make_dataset(
    owner: OrganizationRef, rows: int = 200, *, data: bytes | None = None
) -> DatasetInfo:
    """Make a dataset with a test split."""
    with tenant_scope(owner):
        return dataset_create(
            organization=owner,
            actor=SYSTEM_ACTOR,
            name="reviews",
            source=io.BytesIO(csv_of(good_rows(rows)) if data is None else data),
            filename="reviews.csv",
        )


def make_reported_version(
    owner: OrganizationRef,
    dataset: DatasetInfo,
    *,
    suffix: str = "reviews",
    wrong: int = 3,
    config: dict[str, object] | None = None,
) -> ModelVersionInfo:
    """Register a version that calls so many of its test rows wrongly."""
    with tenant_scope(owner):
        table = dataset_version_read(
            organization=owner, version_id=dataset.latest.id, split=Split.TEST, meta=True
        )
    labels = dataset.latest.labels
    targets = np.array([labels.index(label) for label in table["label"].to_pylist()])
    shares = np.full((len(targets), 2), 0.1, dtype=np.float32)
    shares[np.arange(len(targets)), targets] = 0.9
    shares[:wrong] = shares[:wrong, ::-1]
    answers = Answers(table["row_id"].to_numpy(), targets, shares)
    lengths = np.array([len(text) for text in table["text"].to_pylist()])
    extras = rivals_part(answers) | {
        "speed": SPEED,
        "seconds": 0.5,
        **slices_part(table, (answers.called == targets).astype(np.float64)),
    }
    subject = Subject(answers, labels, "test", lengths, np.zeros_like(lengths), 0, extras)
    report = json.dumps(build_report(subject, nothing)).encode()
    version = new_version(owner, suffix=suffix)
    place = version.job_id.hex
    with TemporaryDirectory() as folder:
        predictions_write(predictions_table(answers), Path(folder, "p"))
        kept = object_put(
            tenant_key(owner, "jobs", place, "p.parquet"), Path(folder, "p").read_bytes()
        )
    stored = object_put(tenant_key(owner, "jobs", place, "r.json"), report)
    evaluation = NewEvaluation(stored.key, kept.key, stored.size + kept.size, dataset.latest.id)
    with tenant_scope(owner):
        return model_version_register(
            organization=owner,
            version=replace(version, labels=labels, evaluation=evaluation),
            lineage=replace(LINEAGE, config=config or {"epochs": 3}),
        )


def rivals_part(answers: Answers) -> dict[str, object]:
    """The report's parts that set the answers against simple methods."""
    targets = answers.targets
    rivals = [
        majority(targets.tolist(), len(targets)),
        Baseline("frozen_base", None, skipped="too_slow"),
    ]
    return {
        "baselines": [rival.as_dict(class_figures(rival, targets, 2)) for rival in rivals],
        "comparison": compare(targets, answers.called, rivals),
        "macro_f1_comparison": compare_macro_f1(
            targets, answers.called, rivals, 2, seed=0, between=nothing
        ),
    }


def slices_part(table: pa.Table, right: Floats) -> dict[str, object]:
    """The report's part on further columns, where the rows have any."""
    if "meta" not in table.column_names:
        return {}
    ones = np.ones(len(right))
    scored = Scored("accuracy", higher_is_better=True, above=right, below=ones, cases=ones)
    metas = [json.loads(text or "{}") for text in table["meta"].to_pylist()]
    ids = table["row_id"].to_numpy()
    return {"column_slices": column_slices(metas, ids, scored, seed=0, between=nothing)}


NUMBERS = {
    "format": 1,
    "task": "regression",
    "split": "test",
    "chosen_on": False,
    "rows": 3,
    "labels": ["value"],
    "loss": 0.2,
    "figures": [
        {"name": "r2", "value": 0.8, "low": 0.7, "high": 0.9},
        {"name": "mae", "value": 1.5, "low": 1.2, "high": 1.9},
    ],
    "numbers": {"points": [[1.0, 1.5]], "mean": {"mae": 4.0, "rmse": 5.0}},
    "baselines": [
        Baseline("mean", np.zeros(3), 9).as_dict({"r2": -0.1, "mae": 4.0}),
        Baseline("tf_idf", None, skipped="no_words").as_dict({}),
    ],
    "comparison": {
        "baseline": "mean",
        "figure": "r2",
        "difference": 0.9,
        "model_only": 3,
        "baseline_only": 0,
        **verdict_of(0.25, 0.9, METHOD),
    },
    "speed": SPEED,
    "seconds": 0.5,
}
"""A report of a regression, without the parts that only labels have."""


def make_number_version(owner: OrganizationRef, dataset: DatasetInfo) -> ModelVersionInfo:
    """Register a version that answers numbers: one exactly, one a little off, one far off."""
    version = new_version(owner, suffix="numbers")
    table = pa.table(
        {
            "row_id": pa.array([0, 1, 2], pa.int64()),
            "label": ["1.0", "2.0", "3.0"],
            "predicted": ["1.5", "9", "3"],
            "score": pa.array([1.5, 9.0, 3.0], pa.float32()),
            "label_score": pa.array([-0.5, -7.0, 0.0], pa.float32()),
        }
    )
    place = version.job_id.hex
    with TemporaryDirectory() as folder:
        predictions_write(table, Path(folder, "p"))
        kept = object_put(
            tenant_key(owner, "jobs", place, "p.parquet"), Path(folder, "p").read_bytes()
        )
    stored = object_put(tenant_key(owner, "jobs", place, "r.json"), json.dumps(NUMBERS).encode())
    evaluation = NewEvaluation(stored.key, kept.key, stored.size + kept.size, dataset.latest.id)
    with tenant_scope(owner):
        return model_version_register(
            organization=owner,
            version=replace(version, task="regression", labels=("value",), evaluation=evaluation),
            lineage=LINEAGE,
        )
