"""Counters, histograms and gauges of one process. An observation is an addition under a lock.

What was counted is kept as whole numbers (seconds as microseconds) and handed over as what came
since the last time, so that the sum over processes that come and go never falls.
"""

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from itertools import accumulate
from typing import Final

from anneal.kernel.metrics.families import Family, Kind, Labels, Sample

SECONDS: Final = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
"""Bounds of times: from what a hold takes to the deadline of a call."""
MICRO: Final = 1_000_000

_SEPARATOR: Final = "\x1f"
_OVERFLOW: Final = "other"
MOST_SERIES: Final = 500
"""Series of one instrument in one process; what comes beyond shares the label value "other"."""

Key = tuple[str, ...]


class Merge(StrEnum):
    """How the same gauge of several processes becomes one number."""

    SUM = "sum"
    MAX = "max"


class Counter:
    """A sum that grows. With ``seconds`` its amounts are times."""

    def __init__(self, name: str, about: str, labels: Key = (), *, seconds: bool = False) -> None:
        self.name, self.about, self.labels = name, about, labels
        self._scale = MICRO if seconds else 1
        self._values: dict[Key, int] = {}
        self._lock = threading.Lock()
        _add(self)

    def add(self, amount: float, *labels: str) -> None:
        """Add; ``labels`` are values in the order of the names."""
        if not amount:
            return
        with self._lock:
            values = self._values
            if labels not in values and len(values) >= MOST_SERIES:
                labels = (_OVERFLOW,) * len(self.labels)
            values[labels] = values.get(labels, 0) + round(amount * self._scale)

    def take(self) -> dict[str, int]:
        """Return what came since the last time, by the field of the store."""
        with self._lock:
            values, self._values = self._values, {}
        return {_field(self.name, "", key): value for key, value in values.items()}

    def family(self, stored: Mapping[Key, Mapping[str, int]]) -> Family:
        """Return what is told of the stored sums."""
        samples = tuple(
            Sample(parts.get("", 0) / self._scale, _labels(self.labels, key))
            for key, parts in sorted(stored.items())
        )
        return Family(self.name, Kind.COUNTER, self.about, samples)


class Histogram:
    """How often values fell below each bound, and their sum."""

    def __init__(
        self, name: str, about: str, labels: Key = (), *, bounds: tuple[float, ...] = SECONDS
    ) -> None:
        self.name, self.about, self.labels = name, about, labels
        self._bounds = bounds
        self._values: dict[Key, list[int]] = {}
        self._lock = threading.Lock()
        _add(self)

    def observe(self, value: float, *labels: str) -> None:
        """Count one value."""
        with self._lock:
            counts = self._values.get(labels)
            if counts is None:
                if len(self._values) >= MOST_SERIES:
                    labels = (_OVERFLOW,) * len(self.labels)
                counts = self._values.setdefault(labels, [0] * (len(self._bounds) + 2))
            counts[bisect_left(self._bounds, value)] += 1
            counts[-1] += round(value * MICRO)

    def take(self) -> dict[str, int]:
        """Return what came since the last time, by the field of the store."""
        with self._lock:
            values, self._values = self._values, {}
        found = {}
        for key, (*counts, total) in values.items():
            found[_field(self.name, "sum", key)] = total
            for place, count in enumerate(counts):
                if count:
                    found[_field(self.name, str(place), key)] = count
        return found

    def family(self, stored: Mapping[Key, Mapping[str, int]]) -> Family:
        """Return what is told of the stored counts: each bound's holds those below it too."""
        samples: list[Sample] = []
        names = [*(repr(float(bound)) for bound in self._bounds), "+Inf"]
        for key, parts in sorted(stored.items()):
            labels = _labels(self.labels, key)
            counts = list(accumulate(parts.get(str(place), 0) for place in range(len(names))))
            samples += [
                Sample(count, (*labels, ("le", name)), "_bucket")
                for name, count in zip(names, counts, strict=True)
            ]
            samples.append(Sample(counts[-1], labels, "_count"))
            samples.append(Sample(parts.get("sum", 0) / MICRO, labels, "_sum"))
        return Family(self.name, Kind.HISTOGRAM, self.about, tuple(samples))


class Gauge:
    """What is at this moment, asked when it is told. A process says how with `read_by`."""

    def __init__(
        self, name: str, about: str, labels: Key = (), *, merge: Merge = Merge.SUM
    ) -> None:
        self.name, self.about, self.labels, self._merge = name, about, labels, merge
        self._readers: list[Callable[[], Mapping[Key, float]]] = []
        _add(self)

    @property
    def read(self) -> bool:
        """Whether this process says it."""
        return bool(self._readers)

    def read_by(self, reader: Callable[[], Mapping[Key, float]]) -> None:
        """Ask ``reader`` too, from now on."""
        self._readers.append(reader)

    def forget(self, reader: Callable[[], Mapping[Key, float]]) -> None:
        """Ask ``reader`` no more."""
        self._readers = [each for each in self._readers if each != reader]

    def now(self) -> dict[str, float]:
        """Return what this process has to say."""
        found: dict[Key, float] = {}
        for reader in list(self._readers):
            for key, value in reader().items():
                found[key] = self.merged((found[key], value)) if key in found else value
        return {_field(self.name, "", key): value for key, value in found.items()}

    def merged(self, values: Iterable[float]) -> float:
        """Make one number of several processes'."""
        return sum(values) if self._merge is Merge.SUM else max(values)

    def family(self, told: Mapping[Key, list[float]]) -> Family:
        """Return what is told of what the processes said."""
        samples = tuple(
            Sample(self.merged(values), _labels(self.labels, key))
            for key, values in sorted(told.items())
        )
        return Family(self.name, Kind.GAUGE, self.about, samples)


Instrument = Counter | Histogram | Gauge
_instruments: Final[dict[str, Instrument]] = {}


def instruments() -> tuple[Instrument, ...]:
    """Return every instrument of this process's modules."""
    return tuple(_instruments.values())


def _add(instrument: Instrument) -> None:
    if instrument.name in _instruments:
        raise ValueError(f"two instruments are called {instrument.name}")
    _instruments[instrument.name] = instrument


def _field(name: str, part: str, key: Key) -> str:
    return _SEPARATOR.join((name, part, *key))


def field_read(field: str) -> tuple[str, str, Key]:
    """Return a field's name, part and label values."""
    name, part, *key = field.split(_SEPARATOR)
    return name, part, tuple(key)


def _labels(names: Key, values: Key) -> Labels:
    return tuple(zip(names, values, strict=True))
