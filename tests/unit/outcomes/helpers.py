"""Policies, contracts and what comes of them."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from anneal.kernel import clock
from anneal.kernel.ids import parse_id, public_id, uuid7
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from anneal.kernel.storage import object_put
from billing.ledger import functions
from billing.ledger.services import balance_grant, hold_take
from billing.outcomes.contracts import (
    CONTRACT_PREFIX,
    PREDICTION_METER,
    ContractInfo,
    OutcomeInfo,
    OutcomeKind,
    PolicyTerms,
)
from billing.outcomes.models import OutcomePolicy
from billing.outcomes.rows import outcome_info
from billing.outcomes.selectors import outcomes_rows
from billing.outcomes.services import (
    outcome_contract_accept,
    outcome_contract_quote,
    outcome_policy_add,
    outcome_policy_version_draft,
    outcome_policy_version_publish,
)
from mlworker.jobs.contracts import JobInfo
from mlworker.jobs.working import StoredReport, work_load, work_succeeded
from mlworker.serving.contracts import DEPLOYMENT_PREFIX
from mlworker.serving.services import deployment_create
from tenants.datasets.selectors import dataset_get
from tests.unit.jobs.factories import claimed, make_dataset, make_job, make_outcome

D = Decimal
SUCCESS = PolicyTerms(price=D(50), currency="USD", dispute_days=14, margin=D("0.02"))
PREDICTIONS = PolicyTerms(price=D("0.05"), currency="USD", dispute_days=14, window_days=7)
NOON = datetime(2029, 3, 5, 12, tzinfo=UTC)


def offer(code: str = "win", terms: PolicyTerms = SUCCESS) -> None:
    """Publish a policy: of predictions where its terms have a window."""
    kind = (
        OutcomeKind.SUCCESS_FEE if terms.window_days is None else OutcomeKind.CONFIRMED_PREDICTION
    )
    with system_scope("test"):
        if OutcomePolicy.objects.filter(code=code).exists():
            return
        outcome_policy_add(
            actor=SYSTEM_ACTOR, code=code, kind=kind, name_en="Pay if it wins", name_zh="赢才付费"
        )
        draft = outcome_policy_version_draft(actor=SYSTEM_ACTOR, policy=code, terms=terms)
        outcome_policy_version_publish(actor=SYSTEM_ACTOR, version_id=draft.id)


def make_version(organization: OrganizationRef) -> str:
    """Make the sample dataset; its version's public id."""
    dataset = make_dataset(organization)
    with tenant_scope(organization):
        return dataset_get(
            organization=organization, dataset_id=parse_id("ds_", dataset)
        ).latest.public_id


def accept(organization: OrganizationRef, subject: str, policy: str = "win") -> ContractInfo:
    with tenant_scope(organization):
        quote = outcome_contract_quote(organization=organization, policy=policy, subject=subject)
        return outcome_contract_accept(
            organization=organization,
            actor=SYSTEM_ACTOR,
            policy=policy,
            subject=subject,
            terms_hash=quote.terms_hash,
        )


def contract_id(contract: ContractInfo) -> str:
    return public_id(CONTRACT_PREFIX, contract.id)


def job_under(organization: OrganizationRef, contract: ContractInfo, **more: Any) -> JobInfo:
    """Submit a job on the contract's own version."""
    fields = {"training_file": contract.subject} | more
    return make_job(organization, outcome_contract=contract_id(contract), **fields)


def end(organization: OrganizationRef, job: JobInfo, difference: float, p_value: float) -> None:
    """End the next job as its worker does, with this judgement of the sealed rows."""
    work = work_load(claimed())
    assert work.sealed is not None
    stored = object_put(f"organizations/{organization.id}/jobs/{job.id}/report", b"{}")
    verdict = {
        "baseline": "tf_idf",
        "value": 0.8,
        "difference": difference,
        "p_value": p_value,
        "method": "approximate_randomization",
    }
    report = StoredReport((uuid7(), uuid7()), stored, stored, work.sealed.id, verdict)
    done = replace(make_outcome(job, organization, 100), evaluation=report)
    work_succeeded(work, done)


def outcomes(organization: OrganizationRef) -> list[OutcomeInfo]:
    with tenant_scope(organization):
        rows = outcomes_rows(organization=organization).order_by("id")
        return [outcome_info(row) for row in rows]


def money(organization: OrganizationRef, amount: int, unit: str = "USD") -> None:
    with tenant_scope(organization):
        balance_grant(
            organization=organization, unit=unit, amount=amount, kind="purchased", source="paid"
        )


def make_live(organization: OrganizationRef) -> str:
    """Make a deployment; its public id."""
    with tenant_scope(organization):
        made = deployment_create(
            organization=organization, actor=SYSTEM_ACTOR, name="live", model="sentiment-en"
        )
    return public_id(DEPLOYMENT_PREFIX, made.id)


def answered(
    organization: OrganizationRef,
    deployment: str,
    items: int,
    at: datetime = NOON,
    task: str = "text_classification",
) -> list[str]:
    """Answer so many items of a call as the gateway does under a contract; their public ids."""
    ids = [uuid7() for _ in range(items)]
    with clock.frozen(at), tenant_scope(organization):
        hold = hold_take(
            organization=organization,
            unit="prediction",
            amount=items,
            key=str(ids[0]),
            ttl_seconds=60,
        )
        code = functions.hold_settle(
            {
                "hold_id": hold.id,
                "organization_id": organization.id,
                "captured": 0,
                "source": "api",
                "model": "sentiment-en",
                "deployment_id": parse_id(DEPLOYMENT_PREFIX, deployment),
                "ids": ids,
                "free": [True] * items,
                "free_meter": PREDICTION_METER,
                "dims": {"task": task},
            }
        )
        assert code == "released"
    return [public_id("pred_", each) for each in ids]
