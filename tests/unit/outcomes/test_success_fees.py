"""A success fee, from the contract to its end: earned or not, by rows nobody could train on."""

import itertools
import json
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from anneal.kernel.errors import DomainError, QuotaExhausted
from anneal.kernel.ids import parse_id
from anneal.kernel.models import AuditEvent
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from billing.invoices.models import InvoiceItem
from billing.ledger.selectors import balance_get
from billing.outcomes.contracts import ContractInfo, OutcomeState
from billing.outcomes.services import outcome_contract_end
from mlworker.engine.contracts import TrainSpec
from mlworker.jobs.services import fine_tuning_job_cancel
from mlworker.jobs.supervisor.workspace import rows_write, spec_write
from mlworker.jobs.working import work_load
from mlworker.registry.evaluation.selectors import worst_rows
from tenants.datasets.contracts import Split
from tenants.datasets.selectors import dataset_version_read
from tenants.datasets.services import dataset_from_file
from tests.unit.factories import error_of
from tests.unit.invoices.helpers import add_credit_plan, drifts, go
from tests.unit.jobs.factories import claimed, make_job
from tests.unit.outcomes.helpers import (
    NOON,
    accept,
    contract_id,
    end,
    job_under,
    make_version,
    money,
    offer,
    outcomes,
)

pytestmark = pytest.mark.django_db

D = Decimal


@pytest.fixture
def version(organization: OrganizationRef) -> str:
    offer()
    return make_version(organization)


def usd(organization: OrganizationRef) -> tuple[Decimal, Decimal, Decimal]:
    """held, consumed, available."""
    with tenant_scope(organization):
        found = balance_get(organization=organization, unit="USD")
    return found.held, found.consumed, found.available


def sealed_texts(organization: OrganizationRef, version: str) -> list[str]:
    with tenant_scope(organization):
        table = dataset_version_read(
            organization=organization, version_id=parse_id("dsv_", version), split=Split.TEST
        )
    texts: list[str] = table["text"].to_pylist()
    return texts


def test_a_model_that_beats_its_baseline_is_charged_the_fee_that_was_held(
    organization: OrganizationRef, version: str
) -> None:
    money(organization, 60)
    job = job_under(organization, accept(organization, version))
    assert usd(organization) == (50, 0, 10)
    end(organization, job, 0.05, 0.001)
    (outcome,) = outcomes(organization)
    assert (outcome.state, outcome.amount, outcome.payment) == ("confirmed", 50, "balance")
    assert outcome.subject == job.public_id
    assert usd(organization) == (0, 50, 10)
    assert drifts(organization) == []


@pytest.mark.parametrize(("difference", "p_value"), [(0.01, 0.001), (0.3, 0.05), (-0.3, 0.001)])
def test_a_model_that_does_not_beat_it_enough_or_by_luck_costs_no_fee(
    organization: OrganizationRef, version: str, difference: float, p_value: float
) -> None:
    money(organization, 60)
    job = job_under(organization, accept(organization, version))
    end(organization, job, difference, p_value)
    assert [each.state for each in outcomes(organization)] == [OutcomeState.REVERSED]
    assert usd(organization) == (0, 0, 60)


def test_a_job_that_leaves_no_model_costs_no_fee(
    organization: OrganizationRef, version: str
) -> None:
    money(organization, 60)
    job = job_under(organization, accept(organization, version))
    with tenant_scope(organization):
        fine_tuning_job_cancel(organization=organization, actor=SYSTEM_ACTOR, job_id=job.id)
    assert [each.state for each in outcomes(organization)] == [OutcomeState.REVERSED]
    assert usd(organization) == (0, 0, 60)


def test_an_account_that_pays_in_advance_needs_the_fee_before_the_job(
    organization: OrganizationRef, version: str
) -> None:
    money(organization, 49)
    contract = accept(organization, version)
    with pytest.raises(QuotaExhausted):
        job_under(organization, contract)
    assert outcomes(organization) == []


def estimated(client: APIClient, contract: ContractInfo) -> dict[str, Any]:
    answer = client.post(
        "/v1/fine_tuning/jobs/estimate",
        {
            "model": "minilm-l6",
            "training_file": contract.subject,
            "outcome_contract": contract_id(contract),
        },
        format="json",
    )
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


@pytest.mark.parametrize(
    ("balance", "allowed", "reason"), [(60, True, None), (49, False, "quota_exhausted")]
)
def test_an_estimate_says_the_fee_and_whether_it_can_be_held(
    organization: OrganizationRef,
    client_api: APIClient,
    version: str,
    balance: int,
    allowed: bool,
    reason: str | None,
) -> None:
    money(organization, balance)
    contract = accept(organization, version)
    found = estimated(client_api, contract)
    assert found["success_fee"] == {
        "contract": contract_id(contract),
        "amount": "50",
        "currency": "USD",
        "held": True,
    }
    assert (found["allowed"], found["reason"]) == (allowed, reason)
    assert usd(organization) == (0, 0, balance)
    assert outcomes(organization) == []


def test_an_estimate_says_that_the_fee_comes_by_invoice(
    organization: OrganizationRef, client_api: APIClient, version: str
) -> None:
    add_credit_plan()
    go(organization, "later", NOON)
    found = estimated(client_api, accept(organization, version))
    assert (found["success_fee"]["held"], found["allowed"]) == (False, True)


def test_an_account_that_pays_later_is_asked_by_an_item_of_the_next_invoice(
    organization: OrganizationRef, version: str
) -> None:
    add_credit_plan()
    go(organization, "later", NOON)
    job = job_under(organization, accept(organization, version))
    end(organization, job, 0.05, 0.001)
    (outcome,) = outcomes(organization)
    assert (outcome.state, outcome.payment) == ("confirmed", "invoice")
    with tenant_scope(organization):
        item = InvoiceItem.objects.get(kind="outcome")
    assert (item.amount, item.description) == (50, "outcome_success_fee")


def test_the_worker_tests_on_the_sealed_rows_of_the_contract(
    organization: OrganizationRef, version: str
) -> None:
    money(organization, 60)
    job_under(organization, accept(organization, version))
    work = work_load(claimed())
    assert work.sealed is not None
    assert work.sealed.public_id == version


def test_a_job_on_another_version_is_tested_on_the_sealed_rows_alone(
    organization: OrganizationRef, version: str, client_api: APIClient, tmp_path: Path
) -> None:
    money(organization, 60)
    contract = accept(organization, version)
    lines = [f"word {n},{label}" for n in range(40) for label in ("positive", "negative")]
    lines = [f"{label} {line}" for line, label in zip(lines, itertools.cycle("ab"), strict=False)]
    other = client_api.post(
        "/v1/datasets",
        {"file": SimpleUploadedFile("b.csv", "\n".join(["text,label", *lines]).encode())},
        format="multipart",
    ).json()["id"]
    job_under(organization, contract, training_file=other)
    rows_write(work_load(claimed()), tmp_path)
    written = (tmp_path / "test.jsonl").read_text("utf-8").splitlines()
    found = [json.loads(line)["text"] for line in written]
    assert found == sealed_texts(organization, version)


def test_the_baselines_of_a_job_under_contract_take_as_long_as_they_take(
    organization: OrganizationRef, version: str, tmp_path: Path
) -> None:
    money(organization, 60)
    job_under(organization, accept(organization, version))
    make_job(organization, training_file=version)
    for patient in (True, False):
        spec_write(work_load(claimed()), tmp_path, resume=None, threads=1, polite=False)
        assert TrainSpec.read(tmp_path).patient_baselines is patient


def test_the_same_rows_in_another_version_are_refused_whatever_their_label(
    organization: OrganizationRef, version: str, client_api: APIClient
) -> None:
    money(organization, 60)
    texts = sealed_texts(organization, version)
    contract = accept(organization, version)
    lines = [f'"{texts[0].upper()}  ",negative', *(f"word {n},positive" for n in range(40))]
    lines += [f"other {n},negative" for n in range(40)]
    body: dict[str, Any] = {
        "file": SimpleUploadedFile("a.csv", "\n".join(["text,label", *lines]).encode()),
        "name": "Copy",
    }
    copy = client_api.post("/v1/datasets", body, format="multipart").json()["id"]
    for fields in ({"training_file": copy}, {"validation_file": copy}):
        with pytest.raises(DomainError) as refused:
            job_under(organization, contract, **fields)
        assert refused.value.code == "rows_sealed"
    assert outcomes(organization) == []


def test_rows_that_the_same_file_repeats_among_its_training_rows_are_not_sealed(
    organization: OrganizationRef, client_api: APIClient
) -> None:
    offer()
    lines = [f"Word {n},{label}" for n in range(200) for label in ("positive", "negative")]
    lines += [f"WORD  {n},{label}" for n in range(200) for label in ("positive", "negative")]
    file = SimpleUploadedFile("a.csv", "\n".join(["text,label", *lines]).encode())
    made = client_api.post("/v1/datasets", {"file": file}, format="multipart").json()
    body = {"policy": "win", "subject": made["latest_version"]["id"]}

    answer = client_api.post("/v1/billing/outcome_contracts/quote", body, format="json")

    assert (answer.status_code, error_of(answer)["code"]) == (400, "outcome_rows_repeated")


def test_the_sealed_version_may_not_validate_itself(
    organization: OrganizationRef, version: str
) -> None:
    money(organization, 60)
    contract = accept(organization, version)
    with pytest.raises(DomainError) as refused:
        job_under(organization, contract, validation_file=version)
    assert (refused.value.code, refused.value.param) == ("rows_sealed", "validation_file")


def test_a_model_may_not_be_brought_that_could_have_seen_the_rows(
    organization: OrganizationRef, version: str
) -> None:
    money(organization, 60)
    contract = accept(organization, version)
    with pytest.raises(DomainError) as refused:
        job_under(organization, contract, continue_from="ftckpt-x")
    assert refused.value.param == "continue_from"


def test_sealed_rows_cannot_be_read_by_any_route_until_the_contract_ends(
    organization: OrganizationRef, version: str, client_api: APIClient
) -> None:
    dataset = client_api.get("/v1/datasets").json()["data"][0]["id"]
    file = client_api.get("/v1/files").json()["data"][0]["id"]
    contract = accept(organization, version)
    refused = [
        client_api.get(f"/v1/datasets/{dataset}/rows?split=test"),
        client_api.get(f"/v1/files/{file}/content"),
        client_api.delete(f"/v1/datasets/{dataset}"),
    ]
    assert [(each.status_code, error_of(each)["code"]) for each in refused] == [
        (409, "rows_sealed")
    ] * 3
    shown = client_api.get(f"/v1/datasets/{dataset}/rows?limit=100").json()["data"]
    assert "test" not in {row["split"] for row in shown}
    ended = client_api.post(f"/v1/billing/outcome_contracts/{contract_id(contract)}/end")
    assert ended.json()["state"] == "ended"
    assert client_api.get(f"/v1/datasets/{dataset}/rows?split=test").json()["data"]
    with closing(client_api.get(f"/v1/files/{file}/content")) as answer:
        assert answer.status_code == 200


def test_sealed_rows_get_into_no_new_version_and_no_batch(
    organization: OrganizationRef, version: str, client_api: APIClient
) -> None:
    dataset = client_api.get("/v1/datasets").json()["data"][0]["id"]
    file = client_api.get("/v1/files").json()["data"][0]["id"]
    accept(organization, version)
    mapping = json.dumps({"text": "text", "label": "label"})
    batch = {"input_file_id": file, "endpoint": "/v1/classify", "model": "sentiment-en"}

    refused = [
        client_api.post(
            f"/v1/datasets/{dataset}/versions", {"column_mapping": mapping}, format="json"
        ),
        client_api.post("/v1/batches", batch, format="json"),
        client_api.post("/v1/batches/estimate", batch, format="json"),
    ]

    assert [(each.status_code, error_of(each)["code"]) for each in refused] == [
        (409, "rows_sealed")
    ] * 3
    with tenant_scope(organization), pytest.raises(DomainError) as no_dataset:
        dataset_from_file(
            organization=organization, actor=SYSTEM_ACTOR, file_id=parse_id("file-", file)
        )
    assert (no_dataset.value.code, no_dataset.value.param) == ("rows_sealed", "training_file")
    versions = client_api.get(f"/v1/datasets/{dataset}/versions").json()["data"]
    assert [each["id"] for each in versions] == [version]
    assert len(client_api.get("/v1/datasets").json()["data"]) == 1


def test_the_rows_behind_a_report_on_sealed_rows_stay_closed(
    organization: OrganizationRef, version: str, client_api: APIClient
) -> None:
    money(organization, 60)
    job = job_under(organization, accept(organization, version))
    end(organization, job, 0.05, 0.001)
    model = client_api.get(f"/v1/fine_tuning/jobs/{job.public_id}").json()["fine_tuned_model"]
    answer = client_api.get(f"/v1/models/{model}/evaluation/rows")
    assert error_of(answer)["code"] == "rows_sealed"
    with tenant_scope(organization):
        assert worst_rows(organization=organization, name=model, limit=5) == ()


def test_a_contract_does_not_end_while_a_job_runs_under_it(
    organization: OrganizationRef, version: str
) -> None:
    money(organization, 60)
    contract = accept(organization, version)
    job = job_under(organization, contract)
    with tenant_scope(organization), pytest.raises(DomainError) as refused:
        outcome_contract_end(organization=organization, actor=SYSTEM_ACTOR, contract_id=contract.id)
    assert refused.value.code == "outcome_contract_busy"
    end(organization, job, 0.05, 0.001)
    with tenant_scope(organization):
        ended = outcome_contract_end(
            organization=organization, actor=SYSTEM_ACTOR, contract_id=contract.id
        )
        assert ended.ended_at is not None
        assert AuditEvent.objects.filter(action="outcome_contract.end").exists()
    with pytest.raises(DomainError) as over:
        job_under(organization, contract)
    assert over.value.code == "outcome_contract_ended"
