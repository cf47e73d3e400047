"""What all parts of a study share: counts, checkpoints, the cache, and the way out."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import replace

import torch

from mlworker.engine.contracts import (
    CheckpointMessage,
    MetricMessage,
    PhaseMessage,
    StudyMessage,
)
from mlworker.engine.data.batches import epoch_batches
from mlworker.engine.study.cost import stratified_folds
from mlworker.engine.study.parts import PartLink
from mlworker.engine.study.state import StudyState
from mlworker.engine.training.config import TrainConfig, resolve_auto
from mlworker.engine.training.head import HeadCache
from mlworker.engine.training.loop import TrainingLoop
from mlworker.engine.training.setup import Setup, Start
from mlworker.engine.training.state import checkpoint_publish, checkpoint_try
from mlworker.engine.training.trainable import Trainable

_READING, _FOLD, _LAST = 8, 10, 20
"""Steps that parts of tier head count as: reading the rows, a fold, the model."""

Build = Callable[[Setup], Trainable]


class Frame:
    """One attempt at a study, as far as its parts have been run."""

    def __init__(self, setup: Setup, build: Build) -> None:
        self._setup, self._build, spec = setup, build, setup.spec
        self._head = setup.config.tier == "head"
        rows = len(setup.train)
        study = f"study {spec.folds} {spec.trials} {spec.runs} {sorted(spec.fixed)}"
        named = replace(setup, start=replace(setup.start, part=study))
        self.state = StudyState(named.fingerprint())
        if spec.resume is not None:
            path = setup.run_dir / spec.resume
            self.state = StudyState.restored(path, self.state.fingerprint)
        elif spec.folds:
            outputs = setup.task.outputs(setup.labels)
            lines = setup.train.tokens if setup.task.level == "token" else rows
            self.state.logits = torch.zeros(lines, outputs)
        self._resumed, self.state.part = self.state.part, ""
        self._loop: TrainingLoop | None = None
        self._cache: HeadCache | None = None
        self._fold_of: list[int] = []
        if spec.folds:
            strata = setup.task.strata(setup.train.targets, setup.labels)
            self._fold_of = stratified_folds(strata, spec.folds, setup.config.seed)
        self._steps = _LAST if self._head else self._loop_steps()
        shrunk = math.ceil(self._steps * (spec.folds - 1) / max(spec.folds, 1))
        self._fold_steps = _FOLD if self._head else shrunk
        self.steps_planned = (
            (_READING if self._reads else 0)
            + spec.trials
            + spec.runs * self._steps
            + spec.folds * self._fold_steps
            + self._steps
        )
        self._saved = time.monotonic()

    @property
    def _reads(self) -> bool:
        return self._head or bool(self._setup.spec.trials)

    def _loop_steps(self) -> int:
        config = self._setup.config
        lengths = [len(row) for row in self._setup.train.ids]
        return sum(
            len(epoch_batches(lengths, token_budget=config.batch_tokens, seed=config.seed, epoch=n))
            for n in range(config.epochs)
        )

    def save(self) -> CheckpointMessage | None:
        """Write where the study stands, if there is anything worth keeping yet."""
        if self._loop is not None and self._loop.state.position.step > 0:
            return self._loop.save()
        state, setup = self.state, self._setup
        if not (state.trials or state.folds):
            return None
        state.part = ""
        message = checkpoint_publish(
            setup.run_dir,
            step=state.steps,
            epoch=0.0,
            tokens=state.tokens,
            fingerprint=state.fingerprint,
            tensors={},
            body={"config": setup.config.as_dict(), "position": {}},
            carried=state.carried(setup.pace.seconds),
        )
        self._saved = time.monotonic()
        setup.link.send(message)
        return message

    @property
    def progress(self) -> tuple[int, int]:
        """(steps done, tokens trained) of all attempts."""
        if self._loop is None:
            return self.state.steps, self.state.tokens
        at, start = self._loop.state.position, self._loop.setup.start
        return start.step_of(at.step, self._loop.steps_planned), at.trained_tokens

    def _part(self, name: str, steps: int, setup: Setup) -> Setup:
        """A part's setup: its steps count on, its checkpoints carry the study."""
        state = self.state
        link = PartLink(self._setup.link, state, name, steps, self.steps_planned)
        spec = setup.spec
        if name != self._resumed:
            spec = replace(spec, resume=None)
        self._resumed, state.part = "", name
        pace = setup.pace
        start = Start(
            part=name,
            tokens=state.tokens,
            rows=state.rows,
            seconds=state.seconds,
            step_of=link.step_of,
            carry=lambda: state.carried(pace.seconds),
        )
        return replace(setup, spec=spec, link=link, start=start)

    def _ended(self, steps: int) -> None:
        """Close a part: its counts become the study's, and a checkpoint is written when due."""
        state = self.state
        if self._loop is not None:
            at = self._loop.state.position
            state.tokens, state.rows, self._loop = at.trained_tokens, at.rows_read, None
        state.steps, state.part = state.steps + steps, ""
        self._tell()

    def _tell(self, files: str | None = None) -> None:
        self._setup.link.send(StudyMessage(self.state.found(), files))

    def _save_when_due(self) -> None:
        if time.monotonic() - self._saved >= self._setup.spec.checkpoint_seconds:
            self._save_now()

    def _save_now(self) -> None:
        self._saved = time.monotonic()
        checkpoint_try(self._setup.link, self.save)

    def _fresh(self, setup: Setup) -> Trainable:
        """A model of a part: tier full changes the base it is given, so each gets its own."""
        if setup.config.tier == "full":
            setup = replace(setup, bert=copy.deepcopy(setup.bert))
        return self._build(setup)

    def _read(self) -> HeadCache:
        """The cache, filled. After a restart the rows are read again, and not charged again."""
        if self._cache is not None:
            return self._cache
        setup = self._setup if self._head else replace(self._setup, config=self._head_config())
        setup.link.send(PhaseMessage("encoding"))
        cache = HeadCache(setup)
        cache.validation.fill(range(len(cache.validation)))
        parts = torch.arange(len(cache.seen)).tensor_split(min(_READING, len(cache.seen)))
        first, begun = self.state.steps == 0, self.state.seconds
        tokens = rows = 0
        for number, part in enumerate(parts, start=1):
            places = part.tolist()
            cache.train.fill(places)
            rows += len(places)
            tokens += sum(cache.train.lengths[place] for place in places)
            if first:
                step = -(-number * _READING // len(parts))
                self._reading(step, tokens, rows, begun + setup.pace.seconds)
        cache.train.filled = cache.validation.filled = True
        if first:
            self.state.steps, self.state.tokens, self.state.rows = _READING, tokens, rows
        self._cache = cache
        return cache

    def _reading(self, step: int, tokens: int, rows: int, seconds: float) -> None:
        self._setup.link.send(
            MetricMessage(
                step=step,
                steps_planned=self.steps_planned,
                epoch=0.0,
                train_loss=math.nan,  # nothing is fitted yet: the charts show no point
                learning_rate=0.0,
                trained_tokens=tokens,
                rows_per_second=rows / max(seconds, 1e-6),
                seconds=seconds,
                part="reading",
            )
        )

    def _head_config(self) -> TrainConfig:
        """Settings of the classifiers that judge for another tier."""
        config = self._setup.config
        shared = ("max_length", "label_smoothing", "class_weights", "seed", "precision")
        return resolve_auto(
            {name: getattr(config, name) for name in shared},
            rows=len(self._setup.train),
            classes=len(self._setup.labels),
            tier="head",
        )
