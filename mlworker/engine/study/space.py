"""What a search may change, asked of optuna. Imported in the trainer alone, and late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlworker.engine.training.config import TrainConfig

if TYPE_CHECKING:
    from optuna import Study, Trial

_STARTUP = 5
"""Trials drawn evenly before the sampler learns from those it has seen."""
_KEEP = 3
"""One in so many goes on at each rung of the halving."""
_STRIDE = 1_000
SMOOTHING, PENALTY, BLOCK = "label_smoothing", "head_penalty", "head_block"

Space = Mapping[str, tuple[str, Any, Any]]
"""Name to ("float", low, high), ("log", low, high) or ("choice", values, None)."""


def cached_space(layers: Sequence[int], fixed: Sequence[str]) -> Space:
    """Of a classifier on cached features."""
    space: dict[str, tuple[str, Any, Any]] = {
        PENALTY: ("log", 1e-4, 1.0),
        SMOOTHING: ("float", 0.0, 0.2),
        BLOCK: ("choice", tuple(layers), None),
    }
    if len(layers) < 2:
        del space[BLOCK]
    return {name: bounds for name, bounds in space.items() if name not in fixed}


def full_space(config: TrainConfig, fixed: Sequence[str]) -> Space:
    """Of full runs in tiers lora and full, around what `auto` chose."""
    rate = config.learning_rate
    space: dict[str, tuple[str, Any, Any]] = {
        "learning_rate": ("log", max(rate / 5, 1e-7), min(rate * 5, 1.0)),
        "dropout": ("float", 0.0, max(0.3, config.dropout)),
    }
    if config.tier == "lora":
        ranks = tuple(sorted({4, 8, 16, 32, config.lora_rank}))
        space["lora_rank"] = ("choice", ranks, None)
    return {name: bounds for name, bounds in space.items() if name not in fixed}


class Asker:
    """Proposes trials; the same ones for the same seed and history, also after a restart."""

    def __init__(self, space: Space, first: Mapping[str, Any], seed: int) -> None:
        # not at the top: the web process and served models never need it
        import optuna  # noqa: PLC0415 - see the line above

        self._optuna = optuna
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space, self._first, self._seed = space, dict(first), seed
        self._known = {name: _distribution(optuna, bounds) for name, bounds in space.items()}
        self._study: Study = optuna.create_study(
            pruner=optuna.pruners.SuccessiveHalvingPruner(
                min_resource=1, reduction_factor=_KEEP, bootstrap_count=0
            )
        )

    def remember(self, record: Mapping[str, Any]) -> None:
        """Take back a trial of an earlier attempt."""
        states = self._optuna.trial.TrialState
        state = {"complete": states.COMPLETE, "pruned": states.PRUNED}.get(
            str(record["state"]), states.FAIL
        )
        self._study.add_trial(
            self._optuna.trial.create_trial(
                state=state,
                value=None if state == states.FAIL else record["value"],
                params={name: record["asked"][name] for name in self._known},
                distributions=self._known,
                intermediate_values={int(k): v for k, v in record["rungs"].items()},
                system_attrs=record["attributes"],
            )
        )

    def ask(self) -> Trial:
        """The next trial; the first is what `auto` chose, so that a search can only gain."""
        number = len(self._study.trials)
        # A sampler of its own for each trial: its state needs no checkpoint.
        self._study.sampler = self._optuna.samplers.TPESampler(
            seed=(self._seed * _STRIDE + number) % 2**32, n_startup_trials=_STARTUP
        )
        if number == 0:
            self._study.enqueue_trial({name: self._first[name] for name in self._known})
        return self._study.ask(self._known)

    def tell(self, trial: Trial, state: str, value: float) -> dict[str, Any]:
        """Close a trial; what `remember` needs of it."""
        states = self._optuna.trial.TrialState
        if state == "complete":
            self._study.tell(trial, value)
        elif state == "pruned":
            self._study.tell(trial, state=states.PRUNED)
        else:
            self._study.tell(trial, state=states.FAIL)
        frozen = self._study.trials[trial.number]
        return {
            "asked": dict(frozen.params),
            "rungs": {str(step): rung for step, rung in frozen.intermediate_values.items()},
            "attributes": dict(frozen.system_attrs),
        }


def _distribution(optuna: Any, bounds: tuple[str, Any, Any]) -> Any:
    kind, low, high = bounds
    if kind == "choice":
        return optuna.distributions.CategoricalDistribution(low)
    return optuna.distributions.FloatDistribution(low, high, log=kind == "log")
