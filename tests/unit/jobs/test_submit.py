"""Submitting: one transaction that leaves job, hold and doorbell, or nothing."""

from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from anneal.kernel.ids import parse_id
from anneal.kernel.models import AuditEvent, OutboxMessage
from anneal.kernel.principal import SYSTEM_ACTOR, KeyScope, Role
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.ledger.services import hold_capture, hold_release, hold_take
from billing.prices.contracts import PriceTerms
from billing.prices.services import price_add
from mlworker.jobs import quoting
from mlworker.jobs.admission import hold_renew
from mlworker.jobs.contracts import JOB_PREFIX, METER
from mlworker.jobs.errors import MaxChargeExceeded
from mlworker.jobs.models import FineTuningJob, TokenCount
from mlworker.jobs.validation import job_validate
from tenants.datasets.samples import sample_csv
from tests.unit.factories import error_of, make_client
from tests.unit.jobs.factories import (
    create,
    event_codes,
    job_path,
    make_dataset,
    make_job,
    make_other_dataset,
    pay_in_money,
    row_of,
    token_balance,
)

pytestmark = pytest.mark.django_db


_CSV_OF_OTHER_LABELS = b"text,label\n" + b"".join(
    b"text number %d,%s\n" % (number, label) for number in range(20) for label in (b"cat", b"dog")
)


def _messages(task: str) -> int:
    with system_scope("test"):
        return OutboxMessage.objects.filter(task=task).count()


def _upload(client: APIClient, content: bytes, name: str = "reviews.csv") -> str:
    body = {"file": SimpleUploadedFile(name, content), "purpose": "fine-tune"}
    response = client.post("/v1/files", body, format="multipart")
    assert response.status_code == 200, response.content
    return str(response.json()["id"])


def _leave(organization: OrganizationRef, units: int) -> None:
    """Hold all of the trial's tokens but so many."""
    rest = token_balance(organization).available - units
    with tenant_scope(organization):
        hold_take(organization=organization, unit=METER, amount=rest, key="rest", ttl_seconds=900)


def test_a_ready_dataset_is_queued_held_and_rung_at_once(organization: OrganizationRef) -> None:
    job = make_job(organization)
    balance = token_balance(organization)
    assert job.state == "queued"
    assert job.quoted_tokens is not None
    assert balance.held == job.quoted_tokens > 0
    assert _messages("jobs.ring") == 1
    assert event_codes(organization, job.id) == ["job.queued"]
    with tenant_scope(organization):
        assert AuditEvent.objects.filter(action="fine_tuning_job.create").count() == 1


def test_a_refused_hold_leaves_nothing_of_the_job(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    dataset = make_dataset(organization)
    _leave(organization, 10)
    before = _messages("jobs.ring")
    response = create(client_api, training_file=dataset, tier="head")
    assert response.status_code == 402
    assert error_of(response)["type"] == "insufficient_quota"
    with tenant_scope(organization):
        assert FineTuningJob.objects.count() == 0
    assert _messages("jobs.ring") == before


def test_ten_affordable_jobs_are_ten_whatever_is_asked(organization: OrganizationRef) -> None:
    quoted = make_job(organization).quoted_tokens or 0
    dataset = make_dataset(organization)
    _leave(organization, quoted * 3 + 1)
    client = make_client(organization)
    answers = [create(client, training_file=dataset, tier="head").status_code for _ in range(6)]
    assert answers == [200, 200, 200, 402, 402, 402]
    assert token_balance(organization).available == 1


def test_tokens_are_counted_once_per_version_and_base(organization: OrganizationRef) -> None:
    dataset = make_dataset(organization)
    client = make_client(organization)
    quotes = {
        create(client, training_file=dataset, tier="head").json()["quoted_tokens"] for _ in range(3)
    }
    assert len(quotes) == 1
    with tenant_scope(organization):
        assert TokenCount.objects.count() == 1


def test_head_counts_one_pass_and_lora_every_epoch(organization: OrganizationRef) -> None:
    dataset = make_dataset(organization)
    client = make_client(organization)
    three = {"n_epochs": 3}
    head = create(client, training_file=dataset, tier="head").json()
    lora = create(client, training_file=dataset, tier="lora", hyperparameters=three).json()
    assert lora["quoted_tokens"] == 3 * head["quoted_tokens"]


def test_a_file_is_read_in_the_background(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    file = _upload(client_api, sample_csv())
    job = create(client_api, training_file=file, tier="head").json()
    assert (job["status"], job["phase"]) == ("validating_files", "reading_files")
    assert token_balance(organization).held == 0
    assert _messages("jobs.validate") == 1

    job_id = parse_id(JOB_PREFIX, job["id"])
    job_validate(organization=organization, job_id=job_id)

    job = client_api.get(job_path(job_id)).json()
    assert job["status"] == "queued"
    assert job["dataset_version"].startswith("dsv_")
    assert token_balance(organization).held == job["quoted_tokens"]
    assert event_codes(organization, job_id) == ["files.validating", "job.queued"]


def test_validating_twice_holds_once(client_api: APIClient, organization: OrganizationRef) -> None:
    file = _upload(client_api, sample_csv())
    job = create(client_api, training_file=file, tier="head").json()
    job_id = parse_id(JOB_PREFIX, job["id"])
    for _ in range(3):
        job_validate(organization=organization, job_id=job_id)
    assert token_balance(organization).held == row_of(organization, job_id).quoted_tokens
    assert event_codes(organization, job_id).count("job.queued") == 1


def test_an_unreadable_file_fails_the_job_with_the_reason(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    file = _upload(client_api, b"text,label\nonly,one\n")
    job = create(client_api, training_file=file).json()
    job_id = parse_id(JOB_PREFIX, job["id"])
    job_validate(organization=organization, job_id=job_id)
    job = client_api.get(job_path(job_id)).json()
    assert job["status"] == "failed"
    assert job["error"]["code"]
    assert job["error"]["param"] == "training_file"
    assert token_balance(organization).held == 0


def test_a_file_that_cannot_be_paid_fails_with_the_quota(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    _leave(organization, 5)
    file = _upload(client_api, sample_csv())
    job = create(client_api, training_file=file, tier="head").json()
    job_id = parse_id(JOB_PREFIX, job["id"])
    job_validate(organization=organization, job_id=job_id)
    assert row_of(organization, job_id).error["code"] == "quota_exhausted"
    assert token_balance(organization).available == 5


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"model": "gpt-9"}, 404, "base_model_not_found"),
        ({"tier": "giant"}, 400, "tier_unsupported"),
        ({"method": {"type": "dpo"}}, 400, "method_unsupported"),
        ({"hyperparameters": {"n_epochs": 10**9}}, 400, "hyperparameter_invalid"),
        ({"hyperparameters": {"n_epochs": 0}}, 400, "hyperparameter_invalid"),
        ({"hyperparameters": {"wings": 2}}, 400, "hyperparameter_invalid"),
        ({"hyperparameters": {"learning_rate": 1e9}}, 400, "hyperparameter_invalid"),
        ({"hyperparameters": {"learning_rate_multiplier": -1}}, 400, "hyperparameter_invalid"),
        ({"hyperparameters": {"n_epochs": [1]}}, 400, "invalid_request"),
        ({"suffix": "a:b"}, 400, "invalid_request"),
        ({"suffix": "x" * 65}, 400, "invalid_request"),
        ({"seed": -1}, 400, "invalid_request"),
        ({"metadata": {"k" * 65: "v"}}, 400, "invalid_request"),
        ({"training_file": "ds_nothing"}, 404, "not_found"),
        ({"training_file": "passwd"}, 404, "not_found"),
    ],
)
def test_a_bad_body_is_refused_before_any_money(
    organization: OrganizationRef, body: dict[str, object], status: int, code: str
) -> None:
    dataset = make_dataset(organization)
    client = make_client(organization)
    response = create(client, **{"training_file": dataset, "tier": "head", **body})
    assert (response.status_code, error_of(response)["code"]) == (status, code), response.content
    assert token_balance(organization).held == 0


def test_anothers_dataset_is_not_found(
    client_api: APIClient, other_organization: OrganizationRef
) -> None:
    response = create(client_api, training_file=make_dataset(other_organization))
    assert response.status_code == 404


def test_openais_method_body_is_understood(organization: OrganizationRef) -> None:
    dataset = make_dataset(organization)
    method = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}}
    job = create(
        make_client(organization), training_file=dataset, tier="lora", method=method
    ).json()
    assert job["hyperparameters"]["n_epochs"] == 2
    assert job["method"]["supervised"]["hyperparameters"]["n_epochs"] == 2


def test_without_a_seed_one_is_drawn_and_shown(organization: OrganizationRef) -> None:
    dataset = make_dataset(organization)
    client = make_client(organization)
    seeds = {create(client, training_file=dataset, tier="head").json()["seed"] for _ in range(3)}
    assert len(seeds) == 3


def test_one_idempotency_key_makes_one_job(organization: OrganizationRef) -> None:
    dataset = make_dataset(organization)
    client = make_client(organization)
    body = {"model": "minilm-l6", "training_file": dataset, "tier": "head"}
    calls = [
        client.post("/v1/fine_tuning/jobs", body, format="json", headers={"Idempotency-Key": "k"})
        for _ in range(3)
    ]
    assert [call.json() for call in calls[1:]] == [calls[0].json()] * 2
    assert [call.headers.get("Idempotent-Replayed") for call in calls] == [None, "true", "true"]
    with tenant_scope(organization):
        assert FineTuningJob.objects.count() == 1


def test_an_estimate_costs_nothing_and_agrees_with_the_job(organization: OrganizationRef) -> None:
    dataset = make_dataset(organization)
    client = make_client(organization)
    body = {"model": "minilm-l6", "training_file": dataset, "tier": "head", "seed": 1}
    estimate = client.post("/v1/fine_tuning/jobs/estimate", body, format="json").json()
    assert token_balance(organization).held == 0
    assert estimate["allowed"] is True
    assert estimate["exact"] is True
    assert Decimal(estimate["price"]) >= 0
    assert 0 < estimate["seconds_p50"] <= estimate["seconds_p90"]
    assert create(client, **body).json()["quoted_tokens"] == estimate["trained_tokens"]


def test_max_charge_is_money_of_the_account(organization: OrganizationRef) -> None:
    body = {"model": "minilm-l6", "training_file": make_dataset(organization), "tier": "head"}
    client = make_client(organization)
    with system_scope("test"):
        terms = PriceTerms(unit_amount=Decimal(1))
        price_add(actor=SYSTEM_ACTOR, meter=METER, currency="EUR", terms=terms)
    pay_in_money(organization, "EUR")

    estimate = client.post(
        "/v1/fine_tuning/jobs/estimate", {**body, "max_charge": "0.01"}, format="json"
    ).json()

    assert (estimate["currency"], estimate["reason"]) == ("EUR", "max_charge_exceeded")
    assert Decimal(estimate["price"]) == estimate["trained_tokens"]
    refused = create(client, **body, max_charge="0.01")
    assert error_of(refused)["code"] == "max_charge_exceeded"
    assert token_balance(organization).held == 0
    assert create(client, **body, max_charge=estimate["price"]).status_code == 200


def test_a_hold_taken_anew_counts_what_the_earlier_ones_cost(organization: OrganizationRef) -> None:
    with system_scope("test"):
        price_add(actor=SYSTEM_ACTOR, meter=METER, terms=PriceTerms(unit_amount=Decimal(1)))
    pay_in_money(organization)
    body = {"model": "minilm-l6", "training_file": make_dataset(organization), "tier": "head"}
    client = make_client(organization)
    price = client.post("/v1/fine_tuning/jobs/estimate", body, format="json").json()["price"]
    job = create(client, **body, max_charge=price).json()
    job_id = parse_id(JOB_PREFIX, job["id"])
    with tenant_scope(organization):
        row = FineTuningJob.objects.get(id=job_id)
        assert row.hold_id is not None
        hold_capture(organization=organization, hold_id=row.hold_id, amount=100, event_id="part")
        hold_renew(row)
        assert row.earlier_holds == [str(row.earlier_holds[0])]
        row.max_charge = Decimal(price) - 1
        hold_release(organization=organization, hold_id=row.hold_id)
        with pytest.raises(MaxChargeExceeded):
            hold_renew(row)


def test_without_money_there_is_nothing_to_exceed(organization: OrganizationRef) -> None:
    body = {"model": "minilm-l6", "training_file": make_dataset(organization), "tier": "head"}
    client = make_client(organization)
    estimate = client.post(
        "/v1/fine_tuning/jobs/estimate", {**body, "max_charge": "0"}, format="json"
    ).json()
    assert (estimate["price"], estimate["currency"], estimate["allowed"]) == ("0", "USD", True)
    assert create(client, **body, max_charge="0").status_code == 200


def test_an_estimate_and_max_charge_go_by_the_price_that_rules(
    organization: OrganizationRef,
) -> None:
    dataset = make_dataset(organization)
    pay_in_money(organization)
    client = make_client(organization)
    body = {"model": "minilm-l6", "training_file": dataset, "tier": "head", "seed": 1}
    with system_scope("test"):
        price_add(
            actor=SYSTEM_ACTOR,
            meter=METER,
            terms=PriceTerms(unit_amount=Decimal("0.5")),
            match={"tier": "head"},
        )

    estimate = client.post("/v1/fine_tuning/jobs/estimate", body, format="json").json()

    price = Decimal(estimate["trained_tokens"]) / 2
    assert Decimal(estimate["price"]) == price
    refused = create(client, **body, max_charge=str(price - 1))
    assert (refused.status_code, error_of(refused)["code"]) == (400, "max_charge_exceeded")
    assert f"{price:f} USD".replace(".0 ", " ") in error_of(refused)["message"]
    assert create(client, **body, max_charge=str(price)).status_code == 200


def test_a_long_dataset_is_sampled_for_the_estimate_and_counted_in_the_background(
    organization: OrganizationRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quoting, "COUNT_AT_ONCE_ROWS", 100)
    monkeypatch.setattr(quoting, "SAMPLE_ROWS", 50)
    dataset = make_dataset(organization)
    client = make_client(organization)
    body = {"model": "minilm-l6", "training_file": dataset, "tier": "head", "seed": 1}
    estimate = client.post("/v1/fine_tuning/jobs/estimate", body, format="json").json()
    job = create(client, **body).json()
    assert estimate["exact"] is False
    assert (job["status"], job["quoted_tokens"]) == ("validating_files", None)
    job_id = parse_id(JOB_PREFIX, job["id"])
    job_validate(organization=organization, job_id=job_id)
    row = row_of(organization, job_id)
    assert row.state == "queued"
    assert row.quoted_tokens == pytest.approx(estimate["trained_tokens"], rel=0.2)


def test_a_validation_file_must_know_no_other_labels(organization: OrganizationRef) -> None:
    client = make_client(organization)
    body = {"file": SimpleUploadedFile("other.csv", _CSV_OF_OTHER_LABELS)}
    other = client.post("/v1/datasets", body, format="multipart").json()["id"]
    dataset = make_dataset(organization)
    unfit = {
        "model": "minilm-l6",
        "training_file": dataset,
        "validation_file": other,
        "tier": "head",
    }
    response = create(client, **unfit)
    assert response.status_code == 400
    assert error_of(response)["code"] == "training_data_unfit"
    assert error_of(response)["param"] == "validation_file"
    estimate = client.post("/v1/fine_tuning/jobs/estimate", unfit, format="json")
    assert (estimate.status_code, error_of(estimate)) == (400, error_of(response))
    same = make_other_dataset(organization)
    fit = create(client, training_file=dataset, validation_file=same, tier="head")
    assert fit.json()["validation_file"] == same


def test_an_estimate_says_when_the_balance_does_not_do(organization: OrganizationRef) -> None:
    dataset = make_dataset(organization)
    _leave(organization, 3)
    body = {"model": "minilm-l6", "training_file": dataset}
    answer = make_client(organization).post("/v1/fine_tuning/jobs/estimate", body, format="json")
    assert answer.json()["allowed"] is False
    assert answer.json()["reason"] == "quota_exhausted"


@pytest.mark.parametrize(
    ("role", "scope", "status"),
    [
        (Role.VIEWER, KeyScope.ADMIN, 403),
        (Role.ANNOTATOR, KeyScope.TRAIN, 403),
        (Role.OWNER, KeyScope.PREDICT, 403),
        (Role.DEVELOPER, KeyScope.TRAIN, 200),
    ],
)
def test_creating_needs_the_right_to_train(
    organization: OrganizationRef, role: Role, scope: KeyScope, status: int
) -> None:
    dataset = make_dataset(organization)
    client = make_client(organization, role, scope)
    assert create(client, training_file=dataset, tier="head").status_code == status
