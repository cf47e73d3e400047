"""Training again from a manifest alone gives the same metrics; what is missing is named."""

import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from django.core.management import CommandError, call_command

from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from mlworker.engine.artifact_manifest import pack
from mlworker.engine.base.locate import locate_base
from mlworker.engine.contracts import (
    BaseReference,
    DoneMessage,
    PlanMessage,
    TrainSpec,
)
from mlworker.engine.link import LocalLink
from mlworker.engine.precision import BF16
from mlworker.engine.training.config import resolve_auto
from mlworker.engine.training.run import Run
from mlworker.jobs.limits import TRAIN_THREADS
from mlworker.jobs.reproducing import Reproduction, _compare, _measured_here
from mlworker.jobs.supervisor.finish import split_hash
from tenants.datasets.contracts import DatasetVersionInfo, Split
from tenants.datasets.samples import sample_csv
from tenants.datasets.selectors import dataset_version_read, dataset_version_resolve
from tenants.datasets.services import dataset_create

pytestmark = pytest.mark.django_db

FILE = b"".join(sample_csv().splitlines(keepends=True)[:101])
EARLY = 2
"""A block that is soon read: which one is found best by itself is the first test's part."""


def _version(organization: OrganizationRef) -> DatasetVersionInfo:
    return _uploaded(organization, FILE)


def _uploaded(organization: OrganizationRef, csv: bytes) -> DatasetVersionInfo:
    with tenant_scope(organization):
        made = dataset_create(
            organization=organization,
            actor=SYSTEM_ACTOR,
            name="second",
            source=io.BytesIO(csv),
            filename="second.csv",
        )
        return dataset_version_resolve(organization=organization, reference=made.public_id)


def _write_rows(
    organization: OrganizationRef, parts: list[tuple[DatasetVersionInfo, Split]], path: Path
) -> None:
    """Write the rows of parts of versions as a supervisor does."""
    rows = []
    for source, part in parts:
        with tenant_scope(organization):
            table = dataset_version_read(
                organization=organization, version_id=source.id, split=part
            )
        rows += table.select(["row_id", "text", "label"]).to_pylist()
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def _parts(
    version: DatasetVersionInfo,
    extra: DatasetVersionInfo | None,
    sealed: DatasetVersionInfo | None,
) -> dict[Split, list[tuple[DatasetVersionInfo, Split]]]:
    """Which parts of which versions each split is."""
    parts = {split: [(version, split)] for split in Split}
    if extra is not None:
        parts[Split.VALIDATION] = [(extra, part) for part in Split]
    parts[Split.TEST] = [(sealed or version, Split.TEST)]
    return parts


def _trained(
    organization: OrganizationRef,
    version: DatasetVersionInfo,
    folder: Path,
    extra: DatasetVersionInfo | None = None,
    sealed: DatasetVersionInfo | None = None,
    block: int = EARLY,
    **study: int,
) -> Any:
    """Train once, as the engine alone does it; return the manifest that an export would carry."""
    for split, wanted in _parts(version, extra, sealed).items():
        _write_rows(organization, wanted, folder / f"{split}.jsonl")
    base = locate_base("minilm-l6")
    config = resolve_auto(
        {"seed": 11, "head_block": block},
        rows=version.splits["train"],
        classes=len(version.labels),
        tier="head",
    ).as_dict()
    spec = TrainSpec(
        task="text_classification",
        tier="head",
        labels=version.labels,
        base=BaseReference(base.id, str(base.directory), base.weights_sha256),
        config=config,
        threads=TRAIN_THREADS,
        **study,
    )
    spec.write(folder)
    done, config = _run(folder, spec)
    return {
        "anneal_export": 1,
        "task": "text_classification",
        "tier": "head",
        "base": base.id,
        "labels": list(version.labels),
        "metrics": dict(done.metrics),
        "artifact_sha256": hashlib.sha256(pack(folder / done.artifact)).hexdigest(),
        "lineage": {
            "dataset_hash": version.content_hash,
            "token_limit": 10**9,
            "config": config,
            "split_seed": version.seed,
            "split_hash": split_hash(folder),
            "base_sha256": base.weights_sha256,
            "validation_hash": extra.content_hash if extra else "",
            "sealed_hash": sealed.content_hash if sealed else "",
            "folds": study.get("folds", 0),
        },
    }


def _run(folder: Path, spec: TrainSpec) -> tuple[DoneMessage, Any]:
    """Train; what came of it, and with which configuration in the end."""
    threads, link = torch.get_num_threads(), LocalLink()
    torch.set_num_threads(spec.threads or os.cpu_count() or 1)  # as a trainer's process does
    try:
        done = Run(folder, spec, link).execute()
    finally:
        torch.set_num_threads(threads)
    plans = [message for message in link.messages if isinstance(message, PlanMessage)]
    return done, dict(plans[-1].config)


def _reproduce(manifest: Any, tmp_path: Path, *options: str) -> dict[str, Any]:
    """What the command says, and its status."""
    path = tmp_path / "anneal-export.json"
    path.write_text(json.dumps(manifest))
    out, status = io.StringIO(), 0
    try:
        call_command("reproduce", str(path), "--json", *options, stdout=out)
    except SystemExit as end:
        status = end.code
    return {"status": status, **json.loads(out.getvalue())}


def test_the_manifest_alone_gives_the_model_again(
    organization: OrganizationRef, other_organization: OrganizationRef, tmp_path: Path
) -> None:
    version = _version(organization)
    folder = tmp_path / "first"
    folder.mkdir()
    manifest = _trained(organization, version, folder, block=0)
    accuracy = manifest["metrics"]["test"]["accuracy"]
    manifest["metrics"]["test"]["accuracy"] = 0.1  # the one that is not found again

    with pytest.MonkeyPatch.context() as patch:
        specs: list[TrainSpec] = []
        write = TrainSpec.write
        patch.setattr(TrainSpec, "write", lambda spec, to: (specs.append(spec), write(spec, to))[1])
        found = _reproduce(manifest, tmp_path)

    assert [spec.token_limit for spec in specs] == [10**9]
    assert (found["ok"], found["status"], found["same_weights"]) == (False, 1, True)
    assert found["metrics"].pop("test.accuracy") == {"expected": 0.1, "found": accuracy}
    assert max(abs(m["expected"] - m["found"]) for m in found["metrics"].values()) < 1e-4
    # Nobody else's rows are read when one organization is named.
    with pytest.raises(CommandError, match="No dataset version has the rows"):
        _reproduce(manifest, tmp_path, "--organization", other_organization.slug)


def test_rows_that_lie_in_several_versions_are_taken_from_the_one_that_was_used(
    organization: OrganizationRef, tmp_path: Path
) -> None:
    second = b"".join(FILE.splitlines(keepends=True)[:60])
    version, extra = _version(organization), _uploaded(organization, second)
    folder = tmp_path / "first"
    folder.mkdir()
    manifest = _trained(organization, version, folder, extra)
    # Uploaded anew later: the same rows under other numbers.
    for csv, first in ((_shift(second), extra), (_shift(FILE), version)):
        again = _uploaded(organization, csv)
        assert (again.content_hash, again.id != first.id) == (first.content_hash, True)

    found = _reproduce(manifest, tmp_path)
    assert (found["ok"], found["status"]) == (True, 0)

    manifest["lineage"]["split_hash"] = "0" * 64
    with pytest.raises(CommandError, match="split otherwise"):
        _reproduce(manifest, tmp_path)


def test_a_model_that_was_tested_on_sealed_rows_is_made_again(
    organization: OrganizationRef, tmp_path: Path
) -> None:
    lines = sample_csv().splitlines(keepends=True)
    sealed = _uploaded(organization, b"".join([lines[0], *lines[101:201]]))
    version = _version(organization)
    folder = tmp_path / "first"
    folder.mkdir()
    manifest = _trained(organization, version, folder, sealed=sealed)

    assert _reproduce(manifest, tmp_path)["ok"] is True


def _shift(csv: bytes) -> bytes:
    """Add a first row without text, which is left out."""
    head, rest = csv.split(b"\n", 1)
    return head + b"\n,positive\n" + rest


def test_a_model_of_folds_and_of_a_search_is_made_again(
    organization: OrganizationRef, tmp_path: Path
) -> None:
    """The folds are repeated, for their temperature is in the model; the search is not."""
    version = _version(organization)
    folder = tmp_path / "first"
    folder.mkdir()
    manifest = _trained(organization, version, folder, folds=2, trials=4)

    found = _reproduce(manifest, tmp_path)

    assert (found["ok"], found["same_weights"]) == (True, True)
    assert max(abs(m["expected"] - m["found"]) for m in found["metrics"].values()) == 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"dataset_hash": ""}, "was imported"),
        ({"dataset_hash": "ab" * 32}, "upload the file again"),
        ({"split_seed": 999}, "split with the seed 999"),
        ({"split_hash": "cd" * 32}, "split otherwise"),
        ({"parent": "ft:x:y:z:1"}, "went on from 'ft:x:y:z:1'"),
        ({"base_sha256": "0" * 64}, "other weights here"),
        ({"validation_hash": "ef" * 32}, "upload the file again"),
        ({"sealed_hash": "ef" * 32}, "upload the file again"),
        ({"config": {"epochs": 10**9}}, "epochs"),
    ],
)
def test_what_is_missing_is_named(
    change: dict[str, Any], told: str, organization: OrganizationRef, tmp_path: Path
) -> None:
    version = _version(organization)
    lineage = {"dataset_hash": version.content_hash, "config": {}, "split_seed": version.seed}
    manifest = {
        "anneal_export": 1,
        "task": "text_classification",
        "tier": "lora",
        "base": "minilm-l6",
        "labels": list(version.labels),
        "metrics": {},
        "lineage": lineage | change,
    }
    with pytest.raises(CommandError, match=told):
        _reproduce(manifest, tmp_path)


def test_a_base_that_is_not_here_is_named(tmp_path: Path) -> None:
    manifest = {
        "anneal_export": 1,
        "task": "text_classification",
        "tier": "lora",
        "labels": [],
        "base": "none",
        "metrics": {},
        "lineage": {"dataset_hash": "x", "config": {}},
    }
    with pytest.raises(CommandError, match="The base model 'none' is not on this installation"):
        _reproduce(manifest, tmp_path)


@pytest.mark.parametrize("text", ["{}", "[]", "no json", '{"anneal_export": 1}'])
def test_a_file_that_is_no_manifest_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(CommandError, match=r"manifest|no anneal-export|not JSON"):
        call_command("reproduce", str(path))


@pytest.mark.parametrize(("measured", "agrees"), [({}, True), ({"bfloat16": 0.7}, False)])
def test_what_bf16_costs_is_compared_where_this_machine_measured_it(
    measured: dict[str, float], *, agrees: bool
) -> None:
    scores = {"test": {"accuracy": 0.9}}
    expected = scores | {BF16: {"bfloat16": 0.9}}
    found = scores | ({BF16: measured} if measured else {})

    pairs = list(_compare("", _measured_here(expected, found), found))

    assert Reproduction(metrics=pairs, same_weights=False).agrees(1e-4) is agrees
