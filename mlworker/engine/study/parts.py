"""A study's way out: what a part says of itself becomes what the whole run says."""

from __future__ import annotations

import math
from dataclasses import replace

from mlworker.engine.contracts import Message, MetricMessage, PhaseMessage
from mlworker.engine.link import Link
from mlworker.engine.study.state import MODEL, StudyState


class PartLink:
    """Counts the steps of a part on from those before it; phases are the study's to tell."""

    def __init__(self, link: Link, state: StudyState, name: str, steps: int, total: int) -> None:
        self._link, self._state, self._name = link, state, name
        self._before, self._steps, self._total = state.steps, steps, total

    @property
    def polite(self) -> bool:
        """As the run's own link."""
        return self._link.polite

    @polite.setter
    def polite(self, value: bool) -> None:
        self._link.polite = value

    def step_of(self, step: int, planned: int) -> int:
        """A step of the part as a step of the whole, within the part's share of it."""
        return self._before + math.ceil(min(step, planned) * self._steps / max(planned, 1))

    def send(self, message: Message) -> None:
        """Pass it on in the whole run's terms."""
        if isinstance(message, PhaseMessage) and self._name != MODEL:
            return
        if isinstance(message, MetricMessage):
            message = replace(
                message,
                step=self.step_of(message.step, message.steps_planned),
                steps_planned=self._total,
                # what lies in the cache has been trained already
                trained_tokens=max(message.trained_tokens, self._state.tokens),
                part="" if self._name == MODEL else self._name,
            )
        self._link.send(message)

    def poll(self) -> None:
        """Obey what has been said meanwhile."""
        self._link.poll()
