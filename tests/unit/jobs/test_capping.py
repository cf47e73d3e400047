"""``max_charge``: a training that would cost more ends there, or is refused when that is no use."""

from decimal import Decimal

import pytest

from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.ledger.contracts import BalanceInfo
from billing.ledger.selectors import balance_get
from billing.prices.contracts import PriceTerms
from billing.prices.services import price_add
from mlworker.jobs.contracts import METER
from mlworker.jobs.selectors import job_info
from mlworker.jobs.working import work_load, work_succeeded
from tests.unit.factories import error_of, make_client
from tests.unit.jobs.factories import (
    claimed,
    create,
    job_path,
    make_dataset,
    make_outcome,
    pay_in_money,
    row_of,
)

pytestmark = pytest.mark.django_db

EPOCHS = 4
LORA = {"tier": "lora", "seed": 1, "hyperparameters": {"n_epochs": EPOCHS}}


@pytest.fixture(autouse=True)
def price(organization: OrganizationRef) -> None:
    """A token costs a hundredth, so that a price is easy to split, and money is what there is."""
    with system_scope("test"):
        price_add(
            actor=SYSTEM_ACTOR,
            meter=METER,
            terms=PriceTerms(unit_amount=Decimal("0.01")),
            match={"tier": "lora"},
        )
    pay_in_money(organization)


def money(organization: OrganizationRef) -> BalanceInfo:
    with tenant_scope(organization):
        return balance_get(organization=organization, unit="USD")


def test_a_charge_for_half_of_the_training_ends_it_there(organization: OrganizationRef) -> None:
    dataset = make_dataset(organization)
    client = make_client(organization)
    body = {"model": "minilm-l6", "training_file": dataset, **LORA}
    whole = client.post("/v1/fine_tuning/jobs/estimate", body, format="json").json()
    half = Decimal(whole["price"]) / 2

    capped = client.post(
        "/v1/fine_tuning/jobs/estimate", {**body, "max_charge": str(half)}, format="json"
    ).json()
    job = create(client, **body, max_charge=str(half)).json()

    limit = capped["stops_at_tokens"]
    assert whole["stops_at_tokens"] is None
    assert capped["allowed"] is True
    assert (capped["price"], capped["trained_tokens"]) == (whole["price"], whole["trained_tokens"])
    assert 0 <= whole["trained_tokens"] / 2 - limit <= 1024
    assert (job["stops_at_tokens"], job["quoted_tokens"]) == (limit, limit)
    assert money(organization).held == limit * Decimal("0.01")
    (told,) = job["warnings"]
    assert told["message"].startswith("max_charge ends the training")
    assert (told["code"], told["data"]) == (
        "max_charge_stops",
        {"tokens": limit, "planned": whole["trained_tokens"]},
    )
    assert capped["warnings"] == job["warnings"]
    claim = claimed()
    assert work_load(claim).token_limit == limit


def test_less_than_one_pass_over_the_rows_is_refused(organization: OrganizationRef) -> None:
    dataset = make_dataset(organization)
    client = make_client(organization)
    body = {"model": "minilm-l6", "training_file": dataset, **LORA}
    whole = client.post("/v1/fine_tuning/jobs/estimate", body, format="json").json()
    little = str(Decimal(whole["price"]) / EPOCHS - 1)

    refused = create(client, **body, max_charge=little)
    estimate = client.post(
        "/v1/fine_tuning/jobs/estimate", {**body, "max_charge": little}, format="json"
    ).json()

    assert refused.status_code == 400
    assert error_of(refused)["code"] == "max_charge_exceeded"
    assert (estimate["allowed"], estimate["reason"]) == (False, "max_charge_exceeded")
    assert money(organization).held == 0


def test_a_success_with_a_warning_keeps_and_shows_it(organization: OrganizationRef) -> None:
    dataset = make_dataset(organization)
    client = make_client(organization)
    body = {"model": "minilm-l6", "training_file": dataset, **LORA}
    whole = client.post("/v1/fine_tuning/jobs/estimate", body, format="json").json()
    create(client, **body, max_charge=str(Decimal(whole["price"]) / 2))
    claim = claimed()
    work = work_load(claim)
    row = row_of(organization, claim.job_id)
    work_succeeded(work, make_outcome(job_info(row), organization, 1_000))

    shown = client.get(job_path(claim.job_id)).json()
    assert shown["status"] == "succeeded"
    assert len(shown["warnings"]) == 1
    assert money(organization).consumed == 10
    assert money(organization).held == 0
