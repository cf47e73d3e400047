"""What is told: families of samples, as text for Prometheus or as OpenMetrics."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
OPEN_METRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"

Labels = tuple[tuple[str, str], ...]


class Kind(StrEnum):
    """What a family's numbers do."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Sample:
    """One line. ``suffix`` is what a histogram's lines are called by."""

    value: float
    labels: Labels = ()
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """The samples of one name. A counter's name ends in ``_total``."""

    name: str
    kind: Kind
    about: str
    samples: tuple[Sample, ...]


def gauge(name: str, about: str, values: Iterable[tuple[Labels, float]] | float) -> Family:
    """Return a family of what is at this moment."""
    if isinstance(values, int | float):
        values = [((), values)]
    return Family(name, Kind.GAUGE, about, tuple(Sample(value, labels) for labels, value in values))


def render(families: Iterable[Family], *, open_metrics: bool) -> str:
    """Return the families as text; one without samples is left out."""
    lines: list[str] = []
    for family in families:
        if not family.samples:
            continue
        # OpenMetrics calls the family of a counter by its name without the suffix.
        named = family.name
        if open_metrics and family.kind is Kind.COUNTER:
            named = named.removesuffix("_total")
        lines.append(f"# HELP {named} {_help(family.about)}")
        lines.append(f"# TYPE {named} {family.kind}")
        lines += [_line(family.name + sample.suffix, sample) for sample in family.samples]
    if open_metrics:
        lines.append("# EOF")
    return "\n".join(lines) + "\n"


def wants_open_metrics(accept: str) -> bool:
    """Say whether a scrape's Accept header asks for OpenMetrics."""
    return "application/openmetrics-text" in accept


def _line(name: str, sample: Sample) -> str:
    labels = ",".join(f'{label}="{_escaped(value)}"' for label, value in sample.labels)
    return (
        f"{name}{{{labels}}} {_number(sample.value)}"
        if labels
        else (f"{name} {_number(sample.value)}")
    )


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))


def _help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _escaped(text: str) -> str:
    return _help(text).replace('"', '\\"')
