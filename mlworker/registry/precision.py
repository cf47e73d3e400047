"""In which number format a version is answered, as the API says it."""

from collections.abc import Mapping

from django.conf import settings

from mlworker.engine.precision import gate_of


def precision_details(figures: Mapping[str, object]) -> dict[str, object]:
    """Return what a model object says of its number format."""
    gate = gate_of(figures)
    half = gate is not None and gate.passed and settings.ANNEAL_SERVE_PRECISION != "float32"
    return {
        "precision": "bfloat16" if half else "float32",
        "bf16_gate": None if gate is None else {"passed": gate.passed, **gate.describe()},
    }
