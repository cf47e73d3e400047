"""Folds and searches that are refused, and what the refusal names."""

from dataclasses import replace
from decimal import Decimal

import pytest
from rest_framework.test import APIClient

from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.prices.contracts import PriceTerms
from billing.prices.services import price_add
from mlworker.jobs.contracts import METER
from mlworker.jobs.models import FineTuningJob
from mlworker.registry.services import model_version_register
from tests.unit.factories import error_of
from tests.unit.jobs.factories import create, make_dataset, make_dataset_of, pay_in_money
from tests.unit.registry.factories import LINEAGE, new_version

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"cross_validation": {"folds": 1}}, "cross_validation"),
        ({"cross_validation": {"folds": 11}}, "cross_validation"),
        ({"cross_validation": {}}, "cross_validation"),
        ({"search": {"trials": 1}}, "search"),
        ({"search": {"trials": 201}}, "search"),
        *[
            ({"search": {"trials": 5, "max_charge": bad}}, "search")
            for bad in ("-1", "NaN", "Infinity", "1e30", "0.0000001")
        ],
        ({"search": 5}, "search"),
    ],
)
def test_what_is_out_of_bounds_is_refused(
    body: dict[str, object], param: str, client_api: APIClient, organization: OrganizationRef
) -> None:
    answer = create(client_api, training_file=make_dataset(organization), **body)
    assert answer.status_code == 400
    assert str(error_of(answer)["param"]).startswith(param)


@pytest.mark.parametrize("study", [{"cross_validation": {"folds": 3}}, {"search": {"trials": 4}}])
def test_folds_and_trials_do_not_begin_with_weights_that_have_seen_their_rows(
    client_api: APIClient, organization: OrganizationRef, study: dict[str, object]
) -> None:
    answer = create(
        client_api,
        training_file=make_dataset(organization),
        continue_from=_parent(organization),
        **study,
    )
    assert answer.status_code == 400
    assert "Leave continue_from out" in error_of(answer)["message"]
    assert (error_of(answer)["code"], error_of(answer)["param"]) == ("study_unfit", "continue_from")


def test_a_search_of_a_task_without_one_label_a_row_is_refused_before_money(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    dataset = _grades(organization)
    body = {"model": "minilm-l6", "training_file": dataset, "search": {"trials": 5}}
    for path in ("", "/estimate"):
        answer = client_api.post(f"/v1/fine_tuning/jobs{path}", body, format="json")
        assert (error_of(answer)["code"], error_of(answer)["param"]) == ("study_unfit", "search")
    known = client_api.get("/v1/fine_tuning/hyperparameters").json()
    assert known["search_tasks"] == ["text_classification"]
    with tenant_scope(organization):
        assert not FineTuningJob.objects.exists()


def test_its_folds_are_taken_and_quoted(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    dataset = _grades(organization)
    alone, folds = [
        create(client_api, training_file=dataset, tier="lora", **study).json()
        for study in ({}, {"cross_validation": {"folds": 3}})
    ]
    assert folds["status"] == "queued"
    assert folds["quoted_tokens"] == 3 * alone["quoted_tokens"]


def _grades(organization: OrganizationRef) -> str:
    """Texts with a number each."""
    lines = "".join(f"text number {n},{n / 7:.3f}\n" for n in range(60))
    return make_dataset_of(organization, lines, "regression")


def test_a_job_limit_below_a_study_refuses_it_instead_of_cutting_it(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    with system_scope("test"):
        price_add(
            actor=SYSTEM_ACTOR,
            meter=METER,
            terms=PriceTerms(unit_amount=Decimal("0.01")),
            match={"tier": "lora"},
        )
    pay_in_money(organization)
    answer = create(
        client_api,
        training_file=make_dataset(organization),
        tier="lora",
        cross_validation={"folds": 10},
        hyperparameters={"epochs": 100},
        max_charge="1",
    )
    assert answer.status_code == 400
    assert error_of(answer)["code"] == "max_charge_exceeded"
    assert "folds and trials" in error_of(answer)["message"]


def test_a_search_needs_something_to_choose(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    answer = create(
        client_api,
        training_file=make_dataset(organization),
        tier="head",
        search={"trials": 5},
        hyperparameters={"head_penalty": 0.1, "label_smoothing": 0.0, "head_block": 4},
    )
    assert answer.status_code == 400
    assert (error_of(answer)["code"], error_of(answer)["param"]) == ("study_unfit", "search")


def _parent(organization: OrganizationRef) -> str:
    """Register an own model to continue from; its name."""
    config = {"lora_rank": 4, "lora_alpha": 8.0, "lora_targets": "all", "frozen_layers": 0}
    with tenant_scope(organization):
        return model_version_register(
            organization=organization,
            version=replace(new_version(organization), tier="lora"),
            lineage=replace(LINEAGE, config=config),
        ).name
