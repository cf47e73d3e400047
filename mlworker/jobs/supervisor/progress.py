"""From the trainer's plan and metrics to a job's progress and its metric events."""

import time
from collections.abc import Mapping
from typing import Any, Final

from mlworker.engine.contracts import CheckpointMessage, MetricMessage, PlanMessage
from mlworker.engine.tasks import task_named
from mlworker.jobs.figures import TRAINING_STEPS, TRAINING_TOKENS
from mlworker.jobs.states import EventKind
from mlworker.jobs.working import News, Work

_METRIC_SECONDS: Final = 1.0
"""At most one metric event in this time; those with a validation are always kept."""


class Progress:
    """Counts for one attempt what the job's row shows."""

    def __init__(self, work: Work) -> None:
        self._quoted = work.quoted_tokens
        self._before = work.progress
        self._metric = task_named(work.task).primary_metric
        self._total = 0
        self._epochs = 0
        self._last: MetricMessage | None = None
        self._validation: Mapping[str, Any] | None = None
        self._emitted = 0.0
        self._told: MetricMessage | None = None
        self.device = ""
        """`cpu` or the accelerator's name; empty until the plan tells."""
        self.memory: int | None = None
        """Bytes that the trainer held when it was last looked at."""
        self.config: Mapping[str, Any] = work.config

    def plan(self, message: PlanMessage, news: News) -> None:
        """Take the plan: how many steps there will be, with which settings."""
        self._total, self._epochs = message.steps, message.epochs
        self.config, self.device = message.config, message.device
        news.add(
            EventKind.LOG,
            f"Training {message.rows:,} rows in {message.steps:,} steps.",
            code="training.plan",
            data={"steps": message.steps, "epochs": message.epochs, "rows": message.rows},
        )
        news.progress = self.as_dict()

    def metric(self, message: MetricMessage, news: News) -> None:
        """Take one measurement."""
        if self._last is not None:
            tokens = message.trained_tokens - self._last.trained_tokens
            TRAINING_TOKENS.add(max(0, tokens), self.device)
            TRAINING_STEPS.add(max(0, message.step - self._last.step), self.device)
        self._last, self._total = message, message.steps_planned
        news.progress = self.as_dict()
        if message.validation is not None:
            self._validation = dict(message.validation)
        now = time.monotonic()
        if message.validation is None and now - self._emitted < _METRIC_SECONDS:
            return
        self._emitted = now
        loss = _short(message.train_loss)
        text = f"Step {message.step}/{message.steps_planned}: training loss={loss}"
        if message.validation is not None:
            text += f", validation loss={_short(message.validation.get('loss'))}"
        news.add(EventKind.METRIC, text, code="metric", data=self._metric_data(message))
        self._told = message

    def as_dict(self) -> dict[str, Any]:
        """Return what the job's ``progress`` shows."""
        last = self._last
        if last is None:
            empty = {"step": 0, "epoch": 0.0, "trained_tokens": 0}
            return {**empty, **self._before, "total": self._total, "device": self.device}
        return {
            "step": last.step,
            "total": last.steps_planned,
            "epoch": last.epoch,
            "epochs": self._epochs,
            "trained_tokens": min(last.trained_tokens, self._quoted),
            "rows_per_second": last.rows_per_second,
            "tokens_per_second": _tokens_per_second(last),
            "learning_rate": last.learning_rate,
            "memory_bytes": self.memory,
            "device": self.device,
            "eta_seconds": _eta(last),
            "train_loss": last.train_loss,
            "part": last.part,
            "seconds": last.seconds,
        }

    def checkpoint_metrics(self, message: CheckpointMessage) -> dict[str, Any]:
        """Return OpenAI's metrics of a checkpoint."""
        valid = self._validation or {}
        return {
            "step": message.step,
            "train_loss": self._last.train_loss if self._last else None,
            "valid_loss": valid.get("loss"),
            "valid_accuracy": valid.get("accuracy"),
            "valid_macro_f1": valid.get("macro_f1"),
            **self._score(valid),
            "trained_tokens": min(message.trained_tokens, self._quoted),
            "tokens_per_second": _tokens_per_second(self._last) if self._last else None,
            # Of a study: "fold 2/5", and "" in the model itself, which alone can be continued.
            "part": self._last.part if self._last else None,
        }

    def _metric_data(self, message: MetricMessage) -> dict[str, Any]:
        valid = message.validation or {}
        data = {
            "step": message.step,
            "total_steps": message.steps_planned,
            "epoch": message.epoch,
            "train_loss": message.train_loss,
            "learning_rate": message.learning_rate,
            "part": message.part or None,
            "rows_per_second": message.rows_per_second,
            "tokens_per_second": _speed_since(self._told, message),
            "memory_bytes": self.memory,
            "eta_seconds": _eta(message),
            "trained_tokens": message.trained_tokens,
            "valid_loss": valid.get("loss"),
            "valid_accuracy": valid.get("accuracy"),
            "valid_macro_f1": valid.get("macro_f1"),
            "samples": message.samples,
            **self._score(valid),
        }
        return {name: value for name, value in data.items() if value is not None}

    def _score(self, valid: Mapping[str, float]) -> dict[str, Any]:
        """What the task looks at, by its name, where that is not accuracy."""
        name = self._metric
        if name == "accuracy" or name not in valid:
            return {}
        return {"valid_score": valid[name], "score_name": name}


def _eta(last: MetricMessage) -> float | None:
    """Seconds left at the average speed so far, start-up aside."""
    if last.step <= 0 or last.steps_planned <= last.step:
        return 0.0 if last.step else None
    return round(last.seconds / last.step * (last.steps_planned - last.step), 1)


def _tokens_per_second(last: MetricMessage) -> float | None:
    """Speed of all attempts so far."""
    if last.seconds <= 0 or last.trained_tokens <= 0:
        return None
    return round(last.trained_tokens / last.seconds, 1)


def _speed_since(before: MetricMessage | None, last: MetricMessage) -> float | None:
    """Speed since the last event, so that a curve of it moves; None while no tokens are read."""
    if before is None:
        return _tokens_per_second(last)
    seconds, tokens = last.seconds - before.seconds, last.trained_tokens - before.trained_tokens
    return round(tokens / seconds, 1) if seconds > 0 and tokens > 0 else None


def _short(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.4f}"
