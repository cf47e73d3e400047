"""What cannot train is refused by the API with a code and a sentence, before any money is held."""

from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from anneal.kernel.ids import parse_id
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.prices.contracts import PriceTerms
from billing.prices.services import price_add
from mlworker.engine.training.config import HYPERPARAMETERS, PRESETS, TIERS
from mlworker.jobs.contracts import JOB_PREFIX, METER
from mlworker.jobs.models import FineTuningJob
from mlworker.jobs.validation import job_validate
from tests.unit.factories import error_of, make_client
from tests.unit.jobs.factories import create, job_path, make_dataset, row_of, token_balance
from tests.unit.jobs.test_submit import pay_in_money

pytestmark = pytest.mark.django_db

Pairs = list[tuple[str, str]]


def _rows(pairs: Pairs) -> bytes:
    return ("text,label\n" + "".join(f"{text},{label}\n" for text, label in pairs)).encode()


def _plain(count: int, *labels: str) -> Pairs:
    return [(f"text number {n}", labels[n % len(labels)]) for n in range(count)]


def _submitted(
    client: APIClient, organization: OrganizationRef, content: bytes, **body: Any
) -> dict[str, Any]:
    """A job on an uploaded file, after its validation."""
    upload = {"file": SimpleUploadedFile("rows.csv", content), "purpose": "fine-tune"}
    file = client.post("/v1/files", upload, format="multipart").json()["id"]
    made = create(client, training_file=file, **body).json()
    job_id = parse_id(JOB_PREFIX, made["id"])
    job_validate(organization=organization, job_id=job_id)
    job: dict[str, Any] = client.get(job_path(job_id)).json()
    return job


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        (_plain(40, "same"), "label"),
        ([("alone", "one")], "too few"),
        ([("", "cat"), ("   ", "dog")] * 20, "row"),
        (_plain(4, "cat", "dog"), "too few"),
        ([], "row"),
    ],
)
@pytest.mark.parametrize("tier", TIERS)
def test_rows_that_teach_nothing_fail_the_job_unpaid(
    tier: str, pairs: Pairs, words: str, client_api: APIClient, organization: OrganizationRef
) -> None:
    job = _submitted(client_api, organization, _rows(pairs), tier=tier)
    assert job["status"] == "failed"
    assert job["error"]["code"]
    assert job["error"]["message"].endswith(".")
    assert words in job["error"]["message"]
    assert job["error"]["param"] == "training_file"
    assert token_balance(organization).held == 0


@pytest.mark.parametrize("tier", TIERS)
def test_a_row_of_a_hundred_thousand_words_is_charged_for_what_is_read(
    tier: str, client_api: APIClient, organization: OrganizationRef
) -> None:
    pairs = [("word " * 100_000, "cat"), *_plain(40, "cat", "dog")]
    job = _submitted(client_api, organization, _rows(pairs), tier=tier)
    assert job["status"] == "queued"
    passes = job["hyperparameters"].get("epochs", 1)
    assert 0 < job["quoted_tokens"] <= passes * (256 + 40 * 8)


@pytest.mark.parametrize("tier", ["lora", "full"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("learning_rate", 1e9),
        ("n_epochs", 10**9),
        ("epochs", 10**9),
        ("frozen_layers", 7),
        ("head_penalty", 0.1),
        ("momentum", 0.9),
        ("optimizer", "lion"),
        ("wings", 2),
    ],
)
def test_a_setting_that_cannot_be_is_named_before_any_money(
    tier: str, name: str, value: object, organization: OrganizationRef
) -> None:
    dataset = make_dataset(organization)
    response = create(
        make_client(organization), training_file=dataset, tier=tier, hyperparameters={name: value}
    )
    error = error_of(response)
    assert (response.status_code, error["code"]) == (400, "hyperparameter_invalid")
    assert error["param"] == f"hyperparameters.{name}"
    assert error["message"].endswith(".")
    assert token_balance(organization).held == 0


def test_not_a_number_is_no_json(organization: OrganizationRef) -> None:
    dataset = make_dataset(organization)
    body = (
        f'{{"model": "minilm-l6", "training_file": "{dataset}", '
        '"hyperparameters": {"learning_rate": NaN}}'
    )
    response = make_client(organization).post(
        "/v1/fine_tuning/jobs", body, content_type="application/json"
    )
    assert response.status_code == 400
    assert token_balance(organization).held == 0


@pytest.mark.parametrize("path", ["/v1/fine_tuning/jobs", "/v1/fine_tuning/jobs/estimate"])
@pytest.mark.parametrize("bad", ["-1", -1, "NaN", "Infinity", "1e30", 10**30, "0.0000001", "much"])
def test_a_charge_that_is_no_amount_is_refused_before_any_money(
    organization: OrganizationRef, path: str, bad: object
) -> None:
    body = {"model": "minilm-l6", "training_file": make_dataset(organization), "max_charge": bad}
    response = make_client(organization).post(path, body, format="json")

    error = error_of(response)
    assert (response.status_code, error["param"]) == (400, "max_charge")
    assert token_balance(organization).held == 0
    with tenant_scope(organization):
        assert not FineTuningJob.objects.exists()


def test_a_base_that_is_not_there_is_refused_with_its_name(organization: OrganizationRef) -> None:
    dataset = make_dataset(organization)
    response = create(
        make_client(organization), training_file=dataset, model="bert-giant", tier="full"
    )
    assert (response.status_code, error_of(response)["code"]) == (404, "base_model_not_found")
    assert error_of(response)["param"] == "model"


def test_a_job_shows_its_preset_and_what_it_came_to(organization: OrganizationRef) -> None:
    dataset = make_dataset(organization)
    client = make_client(organization)
    job = create(
        client, training_file=dataset, preset="best", hyperparameters={"dropout": 0.3}
    ).json()
    assert (job["preset"], job["tier"]) == ("best", "full")
    shown = job["hyperparameters"]
    assert (shown["dropout"], shown["patience"]) == (0.3, PRESETS["best"].values["patience"])
    plain = create(client, training_file=dataset, tier="full").json()
    assert plain["preset"] is None
    assert job["quoted_tokens"] == 2 * plain["quoted_tokens"]
    wrong = create(client, training_file=dataset, preset="fastest")
    assert (wrong.status_code, error_of(wrong)["param"]) == (400, "preset")


def test_tier_full_is_estimated_and_held_at_its_own_price(organization: OrganizationRef) -> None:
    dataset = make_dataset(organization)
    pay_in_money(organization)
    client = make_client(organization)
    body = {"model": "minilm-l6", "training_file": dataset, "tier": "full", "seed": 1}
    with system_scope("test"):
        price_add(
            actor=SYSTEM_ACTOR,
            meter=METER,
            terms=PriceTerms(unit_amount=Decimal("0.25")),
            match={"tier": "full"},
        )

    estimate = client.post("/v1/fine_tuning/jobs/estimate", body, format="json").json()

    assert estimate["exact"]
    assert Decimal(estimate["price"]) == Decimal(estimate["trained_tokens"]) / 4
    job = create(client, **body, max_charge=estimate["price"]).json()
    assert job["quoted_tokens"] == estimate["trained_tokens"]
    row = row_of(organization, parse_id(JOB_PREFIX, job["id"]))
    assert (row.tier, row.config["embeddings"]) == ("full", "frozen")
    assert "lora_rank" not in row.config


def test_forms_are_told_every_hyperparameter_tier_and_preset(client_api: APIClient) -> None:
    body = client_api.get("/v1/fine_tuning/hyperparameters").json()
    told = {each["name"]: each for each in body["data"]}
    assert set(told) == set(HYPERPARAMETERS) - {"tier", "seed"}
    assert [each["name"] for each in body["tiers"]] == list(TIERS)
    assert [each["name"] for each in body["tiers"] if each["default"]] == ["lora"]
    assert {each["name"]: each["tier"] for each in body["presets"]} == {
        name: preset.tier for name, preset in PRESETS.items()
    }
    rate = told["learning_rate"]
    assert (rate["minimum"], rate["maximum"], rate["tiers"]) == (1e-7, 1.0, ["lora", "full"])
    assert told["optimizer"]["choices"] == ["adamw", "adam", "sgd"]
    assert told["momentum"]["needs"] == {"name": "optimizer", "value": "sgd"}
    assert all(each["help"].endswith(".") and each["auto"] for each in body["data"])
