"""Small helpers for what a run reports."""

from __future__ import annotations

from collections.abc import Mapping

from mlworker.engine.contracts import Json, MetricMessage
from mlworker.engine.training.setup import Setup


def figures(metrics: Mapping[str, Json]) -> dict[str, float]:
    """The scalar figures of an evaluation."""
    return {
        name: float(value)
        for name, value in metrics.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


class FitReports:
    """What tier head tells on its way: `read` rows of so many, and the best fit until then."""

    def __init__(self, setup: Setup, *, rows: int, steps_planned: int) -> None:
        self._setup, self._rows, self._planned = setup, rows, steps_planned
        self._step = self.read = 0

    def send(self, train_loss: float, found: dict[str, float]) -> None:
        """One step more."""
        setup = self._setup
        self._step += 1
        share = self.read / self._rows
        seconds = setup.start.seconds + setup.pace.seconds
        setup.link.send(
            MetricMessage(
                step=self._step,
                steps_planned=self._planned,
                epoch=share,
                train_loss=train_loss,
                learning_rate=1.0,
                trained_tokens=round(setup.train.tokens * share),
                rows_per_second=self.read / seconds,
                seconds=seconds,
                validation=found,
            )
        )
