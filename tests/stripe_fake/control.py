"""Steering the fake from another process: `POST /_fake/NAME` with JSON arguments."""

import json
from collections.abc import Callable
from typing import Any

Told = dict[str, Any]


class Control:
    """The knobs by name; an unknown one is 404 and one that is misused 400, with the reason."""

    def __init__(self, knobs: dict[str, Callable[..., Any]]) -> None:
        self._knobs = knobs

    def call(self, name: str, body: str) -> tuple[int, Told]:
        """Turn a knob and tell what it said."""
        knob = self._knobs.get(name)
        if knob is None:
            return 404, {"error": f"No knob {name}; there are {', '.join(sorted(self._knobs))}."}
        try:
            return 200, {"result": knob(**json.loads(body or "{}"))}
        except Exception as problem:  # noqa: BLE001 - it is told to whoever turned the knob
            return 400, {"error": f"{type(problem).__name__}: {problem}"}
