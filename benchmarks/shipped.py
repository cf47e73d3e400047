"""The model that every installation has, and where its files lie."""

from pathlib import Path

MODEL = "sentiment-en"


def shipped_folder() -> Path:
    """The shipped model's folder, which the server serves and bare loops load."""
    from benchmarks import django_ready  # noqa: F401, PLC0415 # the settings of the environment
    from mlworker.catalog.selectors import shipped_model_get  # noqa: PLC0415 # after set-up

    card = shipped_model_get(MODEL)
    if card is None:
        raise FileNotFoundError(f"{MODEL} is not shipped in this tree")
    return card.directory
