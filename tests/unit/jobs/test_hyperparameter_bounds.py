"""Every hyper-parameter that is promised: told with help and bounds, and refused outside of them.

The list is the promise; what the API tells is measured against it.
"""

from typing import Any

import pytest
from rest_framework.test import APIClient

from anneal.kernel.scopes import OrganizationRef
from mlworker.engine.tasks import TASKS
from tests.unit.factories import error_of, make_client
from tests.unit.jobs.factories import create, make_dataset

pytestmark = pytest.mark.django_db

PROMISED = {
    "epochs": "lora",
    "batch_tokens": "lora",
    "learning_rate": "lora",
    "optimizer": "lora",
    "momentum": "lora",
    "scheduler": "full",
    "warmup_fraction": "lora",
    "weight_decay": "full",
    "head_penalty": "head",
    "dropout": "lora",
    "hidden_dropout": "full",
    "max_grad_norm": "full",
    "label_smoothing": "head",
    "class_weights": "head",
    "patience": "lora",
    "min_delta": "full",
    "lora_rank": "lora",
    "lora_alpha": "lora",
    "lora_dropout": "lora",
    "lora_targets": "lora",
    "frozen_layers": "full",
    "max_length": "head",
}
"""Name, and a tier in which it acts. Tier and seed are fields of the job itself."""
FURTHER = {
    "head_block": "head",
    "head_rate": "lora",
    "consistency": "full",
    "embeddings": "full",
    "pooling": "full",
    "precision": "head",
}
"""What there is besides."""
BLOCKS = 6
"""Of the base that is used here: no more layers of it can be frozen."""


@pytest.fixture
def told(client_api: APIClient) -> dict[str, Any]:
    body = client_api.get("/v1/fine_tuning/hyperparameters").json()
    return {each["name"]: each for each in body["data"]}


@pytest.fixture
def ask(client_api: APIClient, organization: OrganizationRef) -> Any:
    """Ask for an estimate, which makes nothing."""
    dataset = make_dataset(organization)

    def estimate(tier: str, seed: object = 1, **values: object) -> Any:
        body = {"model": "minilm-l6", "training_file": dataset, "tier": tier, "seed": seed}
        body["hyperparameters"] = values
        return client_api.post("/v1/fine_tuning/jobs/estimate", body, format="json")

    return estimate


def _around(known: dict[str, Any]) -> tuple[list[object], list[object]]:
    """Values that may be, and values that may not."""
    if known["type"] == "choice":
        return known["choices"], ["", "other", known["choices"][0].upper() + "x", 1]
    low, high = known["minimum"], known["maximum"]
    if known["name"] in ("frozen_layers", "head_block"):
        high = BLOCKS
    if known["type"] == "integer":
        low, high = int(low), int(high)
        return [low, high], [low - 1, high + 1, low + 0.5, "many", True, 10**30]
    return [low, high], [low - 1e-6, high * 1.01, 1e300, "NaN", "much", True]


@pytest.mark.parametrize(("name", "tier"), (PROMISED | FURTHER).items())
def test_it_may_be_auto_or_a_value_within_bounds_and_nothing_else(
    name: str, tier: str, told: dict[str, Any], ask: Any
) -> None:
    known = told[name]
    assert tier in known["tiers"]
    assert known["help"].endswith(".")
    assert known["help"].count(".") == 1 or known["type"] == "number"
    assert known["auto"]
    needs = known["needs"]
    beside = {needs["name"]: needs["value"]} if needs else {}
    good, bad = _around(known)

    for value in ("auto", None, *good):
        answer = ask(tier, **beside, **{name: value})
        assert answer.status_code == 200, (value, answer.content)
    for value in bad:
        answer = ask(tier, **beside, **{name: value})
        error = error_of(answer)
        assert (answer.status_code, error["code"]) == (400, "hyperparameter_invalid"), value
        assert error["param"] == f"hyperparameters.{name}"
        assert name in error["message"]
    for other in {"head", "lora", "full"} - set(known["tiers"]):
        assert f"does nothing in tier {other}" in error_of(ask(other, **{name: good[0]}))["message"]


def test_what_is_told_is_what_is_tested(told: dict[str, Any]) -> None:
    assert set(told) == set(PROMISED | FURTHER)


def test_what_does_nothing_in_a_task_is_told(told: dict[str, Any]) -> None:
    for name, known in told.items():
        assert known["tasks"] == sorted(
            task.name for task in TASKS.values() if name not in task.unused
        )
    assert "token_classification" not in told["pooling"]["tasks"]
    assert "regression" not in told["class_weights"]["tasks"]
    assert len(told["epochs"]["tasks"]) == len(TASKS)


@pytest.mark.parametrize(("seed", "status"), [(0, 200), (2**31 - 1, 200), (-1, 400), (2**31, 400)])
def test_a_seed_is_a_number_of_31_bits(seed: int, status: int, ask: Any) -> None:
    answer = ask("head", seed=seed)
    assert answer.status_code == status
    assert status == 200 or error_of(answer)["param"] == "seed"


@pytest.mark.parametrize(
    ("tier", "status"), [("head", 200), ("lora", 200), ("full", 200), ("auto", 200), ("qlora", 400)]
)
def test_a_tier_is_one_of_three(tier: str, status: int, ask: Any) -> None:
    answer = ask(tier)
    assert answer.status_code == status
    assert status == 200 or error_of(answer)["param"] == "tier"


def test_auto_is_shown_as_what_it_came_to(organization: OrganizationRef) -> None:
    autos = dict.fromkeys(("n_epochs", "batch_size", "learning_rate", "lora_rank"), "auto")
    job = create(
        make_client(organization),
        training_file=make_dataset(organization),
        tier="lora",
        hyperparameters=autos | {"dropout": 0.3},
    ).json()
    shown = job["hyperparameters"]
    assert shown["n_epochs"] == shown["epochs"] > 0
    assert (shown["learning_rate"], shown["lora_rank"]) == (0.001, 8)
    assert (shown["dropout"], shown["batch_size"]) == (0.3, "auto")


def test_another_organization_is_told_the_same(
    client_api: APIClient, other_organization: OrganizationRef
) -> None:
    path = "/v1/fine_tuning/hyperparameters"
    assert make_client(other_organization).get(path).json() == client_api.get(path).json()
