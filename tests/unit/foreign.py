"""Objects of another organization, made through the product's own doors."""

from datetime import UTC, datetime

from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from anneal.kernel.ids import parse_id, public_id
from anneal.kernel.principal import SYSTEM_ACTOR, Role
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from anneal.kernel.storage import tenant_key
from billing.invoices.contracts import ReturnBy
from billing.payments.contracts import CardsRead, ProviderCard, Purpose
from billing.payments.models import PaymentCustomer, PaymentMethod
from billing.payments.services.cards import cards_mirror
from billing.payments.services.checkout import CheckoutWanted, checkout_open
from mlworker.jobs.contracts import CHECKPOINT_PREFIX, JOB_PREFIX
from mlworker.jobs.models import StoredFiles
from mlworker.jobs.states import StoredKind, StoredState
from tests.unit.factories import make_client, make_member
from tests.unit.invoices.helpers import credit, top_up
from tests.unit.outcomes.helpers import (
    accept,
    contract_id,
    job_under,
    make_version,
    money,
    offer,
    outcomes,
)
from tests.unit.predictions.helpers import keep, make_deployment, row
from tests.unit.registry.factories import make_model_version


def _made(client: APIClient, path: str, body: dict[str, object], format_: str = "json") -> str:
    response = client.post(path, body, format=format_)
    assert response.status_code in (200, 201, 202), response.content
    return str(response.json()["id"])


def dataset_id(owner: OrganizationRef) -> str:
    return _made(make_client(owner), "/v1/datasets/sample", {})


def version_id(owner: OrganizationRef) -> str:
    client = make_client(owner)
    dataset = _made(client, "/v1/datasets/sample", {})
    return str(client.get(f"/v1/datasets/{dataset}/versions").json()["data"][0]["id"])


def file_id(owner: OrganizationRef) -> str:
    upload = SimpleUploadedFile("a.csv", b"text,label\ngood,positive\nbad,negative\n")
    body: dict[str, object] = {"file": upload, "purpose": "fine-tune"}
    return _made(make_client(owner), "/v1/files", body, "multipart")


def batch_id(owner: OrganizationRef) -> str:
    body: dict[str, object] = {"input_file_id": file_id(owner), "endpoint": "/v1/classify"}
    return _made(make_client(owner), "/v1/batches", body)


def job_id(owner: OrganizationRef) -> str:
    client = make_client(owner)
    dataset = _made(client, "/v1/datasets/sample", {})
    body: dict[str, object] = {"model": "minilm-l6", "training_file": dataset, "tier": "head"}
    return _made(client, "/v1/fine_tuning/jobs", body)


def checkpoint_id(owner: OrganizationRef) -> str:
    job = parse_id(JOB_PREFIX, job_id(owner))
    with tenant_scope(owner):
        row = StoredFiles(
            organization_id=owner.id,
            job_id=job,
            kind=StoredKind.CHECKPOINT,
            state=StoredState.READY,
            fence=1,
            key=tenant_key(owner, "jobs", "checkpoint.tar"),
        )
        row.save(force_insert=True)
        return public_id(CHECKPOINT_PREFIX, row.id)


def model_name(owner: OrganizationRef) -> str:
    return make_model_version(owner).name


def deployment_id(owner: OrganizationRef) -> str:
    body: dict[str, object] = {"name": "live", "model": "sentiment-en"}
    return _made(make_client(owner), "/v1/deployments", body)


def key_id(owner: OrganizationRef) -> str:
    body: dict[str, object] = {"name": "k", "scopes": ["predict"]}
    return _made(make_client(owner), "/v1/api_keys", body)


def user_id(owner: OrganizationRef) -> str:
    return public_id("usr_", make_member(owner, Role.VIEWER).id)


def invitation_id(owner: OrganizationRef) -> str:
    body: dict[str, object] = {"email": "guest@example.com", "role": "viewer"}
    return _made(make_client(owner), "/v1/organization/invitations", body)


def budget_id(owner: OrganizationRef) -> str:
    body: dict[str, object] = {"unit": "prediction", "window": "month", "amount": 10}
    return _made(make_client(owner), "/v1/billing/budgets", body)


def webhook_id(owner: OrganizationRef) -> str:
    return _made(make_client(owner), "/v1/webhooks", {"url": "https://example.com/hooks"})


def delivery_id(owner: OrganizationRef) -> str:
    client = make_client(owner)
    webhook = _made(client, "/v1/webhooks", {"url": "https://example.com/hooks"})
    return _made(client, f"/v1/webhooks/{webhook}/test", {})


def export_id(owner: OrganizationRef) -> str:
    model = make_model_version(owner).name
    return _made(make_client(owner), f"/v1/models/{model}/exports", {"format": "huggingface"})


def stage_name(owner: OrganizationRef) -> str:
    model = make_model_version(owner).name
    response = make_client(owner).put(f"/v1/models/{model}/stages/production")
    assert response.status_code == 200, response.content
    return "production"


def prediction_id(owner: OrganizationRef) -> str:
    made = row()
    keep(owner, make_deployment(owner, "logged"), [made])
    return public_id("pred_", made.id)


def invoice_id(owner: OrganizationRef) -> str:
    return public_id("inv_", top_up(owner, 500).invoice.id)


def credit_note_id(owner: OrganizationRef) -> str:
    made = top_up(owner, 500).invoice
    return public_id("cn_", credit(owner, made, return_by=ReturnBy.OUTSIDE).id)


def outcome_contract_id(owner: OrganizationRef) -> str:
    offer()
    return contract_id(accept(owner, make_version(owner)))


def outcome_id(owner: OrganizationRef) -> str:
    offer()
    money(owner, 60)
    job_under(owner, accept(owner, make_version(owner)))
    return public_id("out_", outcomes(owner)[0].id)


def checkout_id(owner: OrganizationRef) -> str:
    opened = checkout_open(
        organization=owner,
        actor=SYSTEM_ACTOR,
        wanted=CheckoutWanted(purpose=Purpose.PAYMENT_METHOD, return_path="/billing"),
        key="foreign",
    )
    return public_id("cs_", opened.id)


def payment_method_id(owner: OrganizationRef) -> str:
    card = ProviderCard("demo_pm_foreign", "visa", "4242", 12, 2034)
    with tenant_scope(owner):
        PaymentCustomer(organization_id=owner.id, ref="demo_cus_foreign").save(force_insert=True)
        read = CardsRead("demo_cus_foreign", (card,), datetime.now(UTC))
        cards_mirror(organization=owner, cards=read)
        return public_id("pm_", PaymentMethod.objects.get().id)
