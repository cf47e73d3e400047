"""Contracts: read before they are accepted, accepted by their hash, never changed."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from rest_framework.test import APIClient

from anneal.kernel.errors import DomainError
from anneal.kernel.models import AuditEvent
from anneal.kernel.principal import SYSTEM_ACTOR, Role
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.outcomes.models import OutcomeContract, OutcomePolicyVersion
from billing.outcomes.selectors import policies_offered
from billing.outcomes.services import (
    outcome_policy_offer,
    outcome_policy_version_draft,
    outcome_policy_version_publish,
)
from billing.prices.contracts import MONEY_METER, PriceModel, PriceTerms
from billing.prices.services import price_add
from tests.unit.factories import error_of, make_client
from tests.unit.outcomes.helpers import (
    PREDICTIONS,
    SUCCESS,
    accept,
    job_under,
    make_version,
    money,
    offer,
)

pytestmark = pytest.mark.django_db

D = Decimal
QUOTE = "/v1/billing/outcome_contracts/quote"
CONTRACTS = "/v1/billing/outcome_contracts"


@pytest.fixture
def subject(organization: OrganizationRef) -> str:
    offer()
    return make_version(organization)


def post(client: APIClient, path: str, **body: Any) -> Any:
    return client.post(path, body, format="json")


def test_a_quote_is_a_contract_in_both_languages_and_its_hash_accepts_it(
    client_api: APIClient, subject: str, organization: OrganizationRef
) -> None:
    quote = post(client_api, QUOTE, policy="win", subject=subject).json()
    assert quote["terms"]["price"] == "50"
    assert "50 USD" in quote["terms"]["text"]["en"]
    assert "50 USD" in quote["terms"]["text"]["zh-Hans"]
    assert quote["terms"]["facts"]["rows"] > 0
    assert len(quote["terms"]["facts"]["rows_sha256"]) == 64
    again = post(client_api, QUOTE, policy="win", subject=subject).json()
    assert again == quote
    answer = post(
        client_api, CONTRACTS, policy="win", subject=subject, terms_hash=quote["terms_hash"]
    )
    assert answer.status_code == 201
    made = answer.json()
    assert (made["state"], made["terms"]) == ("in_force", quote["terms"])
    assert made["accepted_by"]
    assert made["accepted_at"]
    with tenant_scope(organization):
        audit = AuditEvent.objects.get(action="outcome_contract.accept")
    assert audit.detail["terms_hash"] == quote["terms_hash"]


def test_terms_that_changed_meanwhile_are_not_accepted(client_api: APIClient, subject: str) -> None:
    quote = post(client_api, QUOTE, policy="win", subject=subject).json()
    with system_scope("test"):
        draft = outcome_policy_version_draft(
            actor=SYSTEM_ACTOR, policy="win", terms=replace(SUCCESS, price=D(500))
        )
        outcome_policy_version_publish(actor=SYSTEM_ACTOR, version_id=draft.id)
    answer = post(
        client_api, CONTRACTS, policy="win", subject=subject, terms_hash=quote["terms_hash"]
    )
    assert (answer.status_code, error_of(answer)["code"]) == (409, "outcome_terms_changed")


def test_one_contract_at_a_time_about_the_same_rows(
    organization: OrganizationRef, subject: str
) -> None:
    accept(organization, subject)
    with pytest.raises(DomainError) as second:
        accept(organization, subject)
    assert second.value.code == "outcome_contract_exists"


def test_a_policy_in_another_currency_than_the_account_is_refused(
    organization: OrganizationRef, subject: str
) -> None:
    money(organization, 10, "EUR")
    with pytest.raises(DomainError) as refused:
        accept(organization, subject)
    assert refused.value.code == "outcome_currency"


def test_what_a_contract_cannot_be_about_is_refused(client_api: APIClient, subject: str) -> None:
    offer("sure", PREDICTIONS)
    wrong = [
        post(client_api, QUOTE, policy="win", subject="dsv_nothing"),
        post(client_api, QUOTE, policy="sure", subject=subject),
        post(client_api, QUOTE, policy="none", subject=subject),
    ]
    assert [each.status_code for each in wrong] == [404] * 3


def test_a_policy_that_is_withdrawn_is_offered_no_more_and_its_contracts_stay(
    organization: OrganizationRef, subject: str, client_api: APIClient
) -> None:
    accept(organization, subject)
    with system_scope("test"):
        outcome_policy_offer(actor=SYSTEM_ACTOR, code="win", public=False)
        assert policies_offered() == ()
    assert len(client_api.get(CONTRACTS).json()["data"]) == 1
    assert client_api.get("/v1/billing/outcome_policies").json()["data"] == []


def test_what_was_published_and_what_was_accepted_never_change(
    organization: OrganizationRef, subject: str
) -> None:
    accept(organization, subject)
    with tenant_scope(organization):
        with pytest.raises(DatabaseError), transaction.atomic():
            OutcomeContract.objects.update(terms_hash="x")
    with system_scope("test"):
        with pytest.raises(DatabaseError), transaction.atomic():
            OutcomePolicyVersion.objects.update(price=1)


@pytest.mark.parametrize(
    "changed",
    [
        {"price": D(0)},
        {"dispute_days": 0},
        {"window_days": 7},
        {"margin": D(2)},
        {"level": D(0)},
    ],
)
def test_terms_that_cannot_be_kept_are_refused(changed: dict[str, Any]) -> None:
    offer()
    with system_scope("test"), pytest.raises(DomainError) as refused:
        outcome_policy_version_draft(
            actor=SYSTEM_ACTOR, policy="win", terms=replace(SUCCESS, **changed)
        )
    assert refused.value.code == "outcome_policy_invalid"


@pytest.mark.parametrize("days", [None, 0, 90])
def test_feedback_counts_no_longer_than_it_is_taken(days: int | None) -> None:
    offer("sure", PREDICTIONS)
    with system_scope("test"), pytest.raises(DomainError) as refused:
        outcome_policy_version_draft(
            actor=SYSTEM_ACTOR, policy="sure", terms=replace(PREDICTIONS, window_days=days)
        )
    assert (refused.value.code, refused.value.param) == ("outcome_policy_invalid", "window_days")


def test_a_fee_is_held_at_its_own_amount_whatever_prices_the_operator_adds(
    client_api: APIClient,
) -> None:
    offer()
    terms = PriceTerms(model=PriceModel.PER_UNIT, unit_amount=D(2))
    with system_scope("test"), pytest.raises(DomainError) as refused:
        price_add(actor=SYSTEM_ACTOR, meter=MONEY_METER, terms=terms)
    assert refused.value.code == "price_invalid"
    listed = client_api.get("/v1/billing/prices").json()["data"]
    assert MONEY_METER not in {price["meter"] for price in listed}


def test_only_who_manages_money_accepts(organization: OrganizationRef, subject: str) -> None:
    developer = make_client(organization, Role.DEVELOPER)
    answer = post(developer, CONTRACTS, policy="win", subject=subject, terms_hash="x" * 64)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "path", [CONTRACTS, "/v1/billing/outcomes", "/v1/billing/outcome_policies"]
)
def test_lists_take_few_queries(
    organization: OrganizationRef,
    subject: str,
    client_api: APIClient,
    path: str,
    django_assert_max_num_queries: Any,
) -> None:
    money(organization, 100)
    contract = accept(organization, subject)
    job_under(organization, contract)
    job_under(organization, contract)
    client_api.get(path)
    with django_assert_max_num_queries(6):
        assert client_api.get(path).json()["data"]
