"""Which forms a version can take with it; what the API says of it and what it refuses agree."""

from collections.abc import Mapping
from typing import Final

from mlworker.registry.contracts import ExportFormat
from mlworker.registry.models import ModelVersion

BERT: Final = "bert"


def form_refusal(version: ModelVersion, form: ExportFormat, layout: str) -> str | None:
    """Say why the version has not the form, and what it has instead; None where it has it."""
    if form is ExportFormat.ADAPTER and version.tier != "lora":
        return f"A model of the tier '{version.tier}' has no adapter: export it as 'huggingface'."
    if form is ExportFormat.ADAPTER and layout != BERT:
        return (
            f"'{version.base}' has not BERT's own layout, and an adapter alone fits no other: "
            "export it as 'huggingface'."
        )
    if form is ExportFormat.ONNX_INT8 and version.dataset_version_id is None:
        return (
            "Whether 8 bits are accurate enough is measured on the model's own test rows, and an "
            "imported model has none: export it as 'onnx'."
        )
    return None


def forms_of(version: ModelVersion, layouts: Mapping[str, str]) -> list[str]:
    """Return the forms that an export of the version may have; ``layouts`` by base."""
    layout = layouts.get(version.base, BERT)
    return [str(form) for form in ExportFormat if form_refusal(version, form, layout) is None]
