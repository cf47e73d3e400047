"""Figures for Prometheus: counted in each process, added up in Redis, told by any web process."""

from anneal.kernel.metrics.families import Family, Sample
from anneal.kernel.metrics.instruments import (
    SECONDS,
    Counter,
    Gauge,
    Histogram,
    Merge,
    instruments,
)

__all__ = ["SECONDS", "Counter", "Family", "Gauge", "Histogram", "Merge", "Sample", "instruments"]
