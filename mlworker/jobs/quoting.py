"""What a job costs: its training rows' tokens, counted once per version and base."""

import functools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypedDict

from anneal.kernel.scopes import OrganizationRef
from mlworker.catalog.selectors import base_model_present
from mlworker.engine.base.config import BertConfig
from mlworker.engine.base.locate import base_key, locate_base
from mlworker.engine.tasks import task_named
from mlworker.engine.tokenizer import TextTokenizer
from mlworker.engine.tokens import trained_tokens
from mlworker.engine.training.config import TrainConfig
from mlworker.jobs.contracts import StudyPlan, StudyRequest
from mlworker.jobs.errors import TrainingDataUnfit
from mlworker.jobs.hyperparameters import config_resolve
from mlworker.jobs.limits import COUNT_AT_ONCE_ROWS, SAMPLE_ROWS
from mlworker.jobs.models import TokenCount
from mlworker.jobs.studying import study_plan
from tenants.datasets.contracts import DatasetVersionInfo, Split
from tenants.datasets.selectors import dataset_version_read

LONGEST: Final = 512
"""Token count of the last bucket; no base reads more."""
MIN_ROWS: Final = 8
_CHUNK: Final = 1024
_KEPT: Final = 16
"""Bases whose tokenizer is kept between two quotes."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A job made concrete: its data, its complete configuration, its price in tokens."""

    version: DatasetVersionInfo
    config: TrainConfig
    trained_tokens: int
    pass_tokens: int
    """What one pass over the rows trains."""
    exact: bool
    study: StudyPlan = field(default_factory=StudyPlan)


def plan_make(
    *,
    organization: OrganizationRef,
    version: DatasetVersionInfo,
    base: str,
    tier: str,
    preset: str = "",
    seed: int,
    hyperparameters: Mapping[str, object],
    study: StudyRequest | None = None,
    sample: bool = False,
) -> Plan:
    """Return the plan of a job on ``version``.

    ``sample`` counts a part of a long version, for an estimate. TrainingDataUnfit and
    HyperparameterInvalid refuse before any money is held.
    """
    data_check(version)
    rows = version.splits[Split.TRAIN]
    lengths = token_lengths(organization=organization, version=version, base=base, sample=sample)
    config = config_resolve(
        hyperparameters,
        tier=tier,
        preset=preset,
        seed=seed,
        rows=rows,
        tokens_per_row=_mean(lengths),
        **_shapes(version, base),
    )
    one_pass = _one_pass(lengths, config.max_length, rows)
    asked = study_plan(
        study or StudyRequest(),
        organization=organization,
        version=version,
        config=config,
        requested=hyperparameters,
        one_pass=one_pass,
    )
    whole = trained_tokens(one_pass, passes=config.passes, tier=tier) + asked.trained_tokens
    # a study is done whole or not at all: half of it would have found nothing
    first = trained_tokens(one_pass, passes=config.readings, tier=tier)
    least = whole if asked.folds or asked.trials else first
    return Plan(
        version=version,
        config=config,
        study=asked,
        trained_tokens=whole,
        pass_tokens=least,
        exact=sum(lengths.values()) >= rows,
    )


class _Shapes(TypedDict):
    blocks: int
    width: int
    classes: int
    unused: frozenset[str]


def _shapes(version: DatasetVersionInfo, base: str) -> _Shapes:
    """What the base and the task say of a configuration."""
    shape = _shape(*_base_of(base))
    return {
        "blocks": shape.num_hidden_layers,
        "width": shape.hidden_size,
        "classes": len(version.labels),
        "unused": task_named(version.task).unused,
    }


def _mean(lengths: Mapping[int, int]) -> float:
    return sum(length * count for length, count in lengths.items()) / sum(lengths.values())


def _one_pass(lengths: Mapping[int, int], max_length: int, rows: int) -> int:
    """Tokens of one pass over all rows, where some of them were counted."""
    counted = sum(lengths.values())
    found = sum(min(length, max_length) * count for length, count in lengths.items())
    return found * rows // counted if counted < rows else found


def data_check(version: DatasetVersionInfo) -> None:
    """Refuse data that cannot teach: too few labels, or next to no rows. TrainingDataUnfit."""
    rows = version.splits.get(Split.TRAIN, 0)
    fewest = task_named(version.task).fewest_labels
    if len(version.labels) < fewest:
        raise TrainingDataUnfit(
            "The dataset has fewer than two labels: there is nothing to tell apart."
            if fewest == 2
            else "The dataset has no labels: there is nothing to learn.",
            param="training_file",
        )
    if rows < MIN_ROWS:
        raise TrainingDataUnfit(
            f"The dataset has {rows} training rows: at least {MIN_ROWS} are needed.",
            param="training_file",
        )


def needs_background(version: DatasetVersionInfo) -> bool:
    """Say whether counting the version's tokens is too long for a request."""
    return version.splits.get(Split.TRAIN, 0) > COUNT_AT_ONCE_ROWS


def token_lengths(
    *, organization: OrganizationRef, version: DatasetVersionInfo, base: str, sample: bool = False
) -> Counter[int]:
    """Return how many training rows have which token count, special tokens included.

    Counts above LONGEST are in the bucket LONGEST. What was counted whole is kept.
    """
    place, key = _base_of(base)
    known = TokenCount.objects.filter(
        dataset_version_id=version.id, base=base, base_key=key
    ).first()
    if known is not None:
        return Counter({int(length): count for length, count in known.lengths.items()})
    table = dataset_version_read(
        organization=organization, version_id=version.id, split=Split.TRAIN
    )
    texts: list[str] = table.column("text").to_pylist()
    partial = sample and len(texts) > SAMPLE_ROWS
    if partial:
        texts = texts[:: len(texts) // SAMPLE_ROWS]
    lengths = Counter(_lengths(texts, _tokenizer(place, key)))
    if not partial:
        row = TokenCount(
            organization_id=organization.id,
            dataset_version_id=version.id,
            base=base,
            base_key=key,
            lengths={str(length): count for length, count in sorted(lengths.items())},
        )
        # A count that another base of this id left is of no use any more.
        TokenCount.objects.bulk_create(
            [row],
            update_conflicts=True,
            unique_fields=["organization_id", "dataset_version_id", "base"],
            update_fields=["base_key", "lengths"],
        )
    return lengths


def _lengths(texts: Sequence[str], tokenizer: TextTokenizer) -> Iterator[int]:
    for start in range(0, len(texts), _CHUNK):
        for encoded in tokenizer.encode(texts[start : start + _CHUNK], LONGEST):
            yield len(encoded.ids)


def _base_of(base: str) -> tuple[Path, str]:
    """The folder of a present base, and what tells it from another of its id."""
    found = locate_base(base_model_present(base).id)
    return found.directory, base_key(found)


@functools.lru_cache(maxsize=_KEPT)
def _shape(place: Path, key: str) -> BertConfig:
    return BertConfig.read(place / "config.json")


@functools.lru_cache(maxsize=_KEPT)
def _tokenizer(place: Path, key: str) -> TextTokenizer:
    return TextTokenizer.load(place)
