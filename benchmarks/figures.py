"""One measured figure beside its target."""

from typing import Any, Literal, TypedDict


class Figure(TypedDict):
    """A line of output. `detail` holds what the value was made of."""

    bar: str
    value: float | None
    target: float | None
    ok: bool
    detail: dict[str, Any]


def figure(
    bar: str, value: float, target: float, better: Literal["more", "less"], **detail: Any
) -> Figure:
    """Make a line; ``better`` says on which side of the target the value should be."""
    ok = value >= target if better == "more" else value <= target
    return {"bar": bar, "value": round(value, 4), "target": target, "ok": ok, "detail": detail}
