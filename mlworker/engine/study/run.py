"""A study: search, then cross-validation, then the model. Parts of one run, resumable in each."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor

from mlworker.engine.contracts import (
    EngineError,
    ErrorCode,
    LogMessage,
    MetricMessage,
    PhaseMessage,
    TrainSpec,
)
from mlworker.engine.data.rows import EncodedSplit
from mlworker.engine.study.cached import CachedSearch
from mlworker.engine.study.cost import LABEL_TASKS
from mlworker.engine.study.frame import Frame
from mlworker.engine.study.outcome import calibrated, folds_publish
from mlworker.engine.study.parts import PartLink
from mlworker.engine.study.space import SMOOTHING, Asker, full_space
from mlworker.engine.study.state import MODEL, finite, leader
from mlworker.engine.training.config import TrainConfig
from mlworker.engine.training.evaluate import metrics_of
from mlworker.engine.training.head import HeadCache, HeadRun, chosen_rows
from mlworker.engine.training.loop import TrainingLoop
from mlworker.engine.training.progress import figures
from mlworker.engine.training.setup import Setup, Trained
from mlworker.engine.training.states import token_places
from mlworker.engine.training.token_head import TokenHeadRun


def wanted(spec: TrainSpec) -> bool:
    """Whether a run is a study."""
    return bool(spec.folds or spec.trials)


class Study(Frame):
    """One attempt at a study. `train` may be left by StopRequested at any poll; then `save`."""

    def train(self) -> tuple[Setup, Trained]:
        """All parts that are left; the setup of the model says with which settings."""
        spec, link = self._setup.spec, self._setup.link
        if spec.trials:
            self._search()
        config = self._chosen()
        if spec.folds:
            self._cross_validate(config)
        if self._head:
            self._read()
        setup = self._part(MODEL, self._steps, replace(self._setup, config=config))
        if self._head:
            trained = self._head_run(setup, self._cache).train()
        else:
            self._loop = TrainingLoop(setup, lambda: self._fresh(setup))
            trained = self._loop.train()
        link_of = cast("PartLink", setup.link)
        trained = replace(
            trained,
            steps=link_of.step_of(trained.steps, trained.steps_planned),
            steps_planned=self.steps_planned,
        )
        setup = replace(setup, link=link)
        if spec.folds and setup.task.name in LABEL_TASKS:
            trained, self.state.calibration = calibrated(setup, trained, self.state.logits)
            self._tell()
        return setup, trained

    def _search(self) -> None:
        spec, state = self._setup.spec, self.state
        if len(state.trials) < spec.trials:
            self._cached_trials()
        if not self._head:
            # the cache has done its work: full runs want the memory
            self._cache = None
            self._setup.link.send(PhaseMessage("searching"))
            self._full_runs()
        best = leader(state.trials if self._head else state.runs)
        if best is None:
            raise EngineError(
                ErrorCode.DIVERGED, "Every configuration of the search diverged. Check the rows."
            )
        state.best = dict(best["params"])
        self._tell()

    def _cached_trials(self) -> None:
        spec, state = self._setup.spec, self.state
        cache = self._read()
        self._setup.link.send(PhaseMessage("searching"))
        setup = self._setup
        if not self._head:
            setup = replace(setup, config=self._head_config())
        search = CachedSearch(setup, cache, self._cached_folds(cache), spec.fixed)
        for record in state.trials:
            search.remember(record)
        for number in range(len(state.trials), spec.trials):
            state.trials.append(search.trial(number))
            self._ended(1)
            self._trial_told(state.trials[-1])
            self._save_when_due()

    def _trial_told(self, record: dict[str, Any]) -> None:
        state, seconds = self.state, self.state.seconds + self._setup.pace.seconds
        self._setup.link.send(
            MetricMessage(
                step=state.steps,
                steps_planned=self.steps_planned,
                epoch=0.0,
                train_loss=record["loss"] or 0.0,
                learning_rate=0.0,
                trained_tokens=state.tokens,
                rows_per_second=state.rows / max(seconds, 1e-6),
                seconds=seconds,
                part=f"trial {record['number'] + 1}/{self._setup.spec.trials}",
            )
        )

    def _cached_folds(self, cache: HeadCache) -> list[list[int]]:
        """Places in the cache that each fold holds out."""
        folds = self._setup.spec.folds
        held: list[list[int]] = [[] for _ in range(folds)]
        for place, row in enumerate(cache.seen):
            if folds:
                held[self._fold_of[row]].append(place)
        return [places for places in held if places]

    def _full_runs(self) -> None:
        """The best few, trained in full; the first is `auto` with the best of what is shared."""
        spec, state, config = self._setup.spec, self.state, self._setup.config
        asker = Asker(full_space(config, spec.fixed), config.as_dict(), config.seed)
        for record in state.runs:
            asker.remember(record)
        shared = _shared(state.trials)
        for number in range(len(state.runs), spec.runs):
            begun = time.monotonic()
            trial = asker.ask()
            params = {**dict(trial.params), **shared[number % len(shared)]}
            if "lora_rank" in params and "lora_alpha" not in spec.fixed:
                params["lora_alpha"] = 2.0 * float(params["lora_rank"])
            found = self._full_run(number, _with(config, params))
            loss = found.get("loss")
            told = asker.tell(trial, "diverged" if loss is None else "complete", loss or 0.0)
            state.runs.append(
                {
                    "number": number,
                    "stage": "full",
                    "state": "diverged" if loss is None else "complete",
                    "params": params,
                    "loss": loss,
                    "accuracy": found.get("accuracy", 0.0),
                    "value": loss or 0.0,
                    "seconds": round(time.monotonic() - begun, 3),
                    **told,
                }
            )
            self._ended(self._steps)
            self._save_now()

    def _full_run(self, number: int, config: TrainConfig) -> dict[str, float | None]:
        """Validation figures of one configuration; none when it diverges."""
        name = f"run {number + 1}/{self._setup.spec.runs}"
        setup = self._part(name, self._steps, replace(self._setup, config=config, test=None))
        self._loop = TrainingLoop(setup, lambda: self._fresh(setup))
        try:
            trained = self._loop.train()
        except EngineError as error:
            if error.code != ErrorCode.DIVERGED:
                raise
            told = f"{name}: {error.message}"
            self._setup.link.send(LogMessage("warning", told, "trainer.run_diverged"))
            return {}
        found = figures(
            metrics_of(setup.task, trained.validation_logits, setup.validation, setup.labels)
        )
        return {"loss": finite(found["loss"]), "accuracy": found["accuracy"]}

    def _chosen(self) -> TrainConfig:
        return _with(self._setup.config, self.state.best or {})

    def _cross_validate(self, config: TrainConfig) -> None:
        state, setup, folds = self.state, self._setup, self._setup.spec.folds
        if self._head:
            self._read()
        setup.link.send(PhaseMessage("cross_validating"))
        for fold in range(len(state.folds), folds):
            begun = time.monotonic()
            held = [row for row, of in enumerate(self._fold_of) if of == fold]
            own = [row for row, of in enumerate(self._fold_of) if of != fold]
            train, rest = chosen_rows(setup.train, own), chosen_rows(setup.train, held)
            name = f"fold {fold + 1}/{folds}"
            if self._head:
                logits = self._head_fold(name, fold, config)
            else:
                logits = self._loop_fold(name, train, rest, config)
            state.logits[self._lines(held)] = logits
            found = figures(metrics_of(setup.task, logits, rest, setup.labels))
            state.folds.append(
                {
                    "fold": fold + 1,
                    "rows": len(held),
                    "metrics": {name: found[name] for name in (*setup.task.headline, "loss")},
                    "seconds": round(time.monotonic() - begun, 3),
                }
            )
            self._ended(self._fold_steps)
            self._save_now()
        path, state.errors = folds_publish(setup, self._fold_of, state.logits)
        self._tell(path)

    def _loop_fold(
        self, name: str, train: EncodedSplit, held: EncodedSplit, config: TrainConfig
    ) -> Tensor:
        """Logits of the held-out rows, which neither train nor choose the fold's model."""
        whole = self._setup
        # a set too small to hold rows out validates on its training rows: then the fold on its own
        validation = train if whole.validation == whole.train else whole.validation
        setup = replace(whole, config=config, train=train, validation=validation, test=held)
        setup = self._part(name, self._fold_steps, setup)
        self._loop = TrainingLoop(setup, lambda: self._fresh(setup))
        return cast("Tensor", self._loop.train().test_logits)

    def _head_fold(self, name: str, fold: int, config: TrainConfig) -> Tensor:
        cache = self._read()
        setup = self._part(name, self._fold_steps, replace(self._setup, config=config))
        row_of = cache.seen
        own = [place for place, row in enumerate(row_of) if self._fold_of[row] != fold]
        kept = {row: place for place, row in enumerate(row_of) if self._fold_of[row] == fold}
        held = [row for row, of in enumerate(self._fold_of) if of == fold]
        run = self._head_run(setup, cache, own)
        return run.fold(cache, [kept.get(row) for row in held], chosen_rows(setup.train, held))

    def _head_run(
        self, setup: Setup, cache: HeadCache | None, own: list[int] | None = None
    ) -> HeadRun | TokenHeadRun:
        by_token = setup.task.level == "token"
        return TokenHeadRun(setup, cache, own) if by_token else HeadRun(setup, cache, own)

    def _lines(self, rows: list[int]) -> Tensor:
        """Where the logits of some training rows lie."""
        setup = self._setup
        if setup.task.level == "row":
            return torch.tensor(rows)
        return token_places([len(ids) for ids in setup.train.ids], rows)


def _with(config: TrainConfig, params: dict[str, Any]) -> TrainConfig:
    """A configuration with what a trial chose; values a tier has no use for are left out."""
    known = config.as_dict()
    chosen = {name: value for name, value in params.items() if name in known}
    return TrainConfig.from_dict(cast("dict[str, object]", {**known, **chosen}))


def _shared(trials: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What trials on cached features teach other tiers, the best first, each once."""
    whole = [record for record in trials if record["state"] == "complete"]
    found: list[dict[str, Any]] = []
    for record in sorted(whole, key=lambda each: cast("float", each["value"])):
        one = {k: v for k, v in record["params"].items() if k == SMOOTHING}
        if one not in found:
            found.append(one)
    return found or [{}]
