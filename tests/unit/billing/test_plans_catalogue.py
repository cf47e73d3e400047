"""What the operator offers: drafts, versions that stay, and the trial's terms."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, ProgrammingError, transaction

from anneal.kernel import clock
from anneal.kernel.errors import DomainError
from anneal.kernel.models import AuditEvent
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import system_scope, tenant_scope
from billing.ledger.selectors import balances
from billing.plans.contracts import Overage, PlanLimits, PlanTerms
from billing.plans.models import Plan, PlanVersion, TrialTerms
from billing.plans.selectors import plans_offered, trial_terms_current
from billing.plans.services import (
    plan_add,
    plan_edit,
    plan_version_draft,
    plan_version_publish,
    trial_terms_set,
)
from tests.unit.factories import make_organization

pytestmark = pytest.mark.django_db

D = Decimal
TERMS = PlanTerms(fee=D("9.99"), included={"prediction": D(5)}, limits=PlanLimits(seats=3))


def draft(terms: PlanTerms, plan: str = "starter") -> Any:
    with system_scope("test"):
        return plan_version_draft(actor=SYSTEM_ACTOR, plan=plan, terms=terms)


def publish(version_id: Any) -> None:
    with system_scope("test"):
        plan_version_publish(actor=SYSTEM_ACTOR, version_id=version_id)


def test_a_draft_is_edited_and_offered_only_when_published() -> None:
    first = draft(TERMS)
    second = draft(replace(TERMS, fee=D(12)))

    assert (first.id, second.version, second.terms.fee) == (second.id, 2, D(12))
    assert {plan.code: plan.version for plan in plans_offered()}["starter"] == 1
    publish(second.id)
    offered = {plan.code: plan for plan in plans_offered()}["starter"]
    assert (offered.version, offered.terms) == (2, replace(TERMS, fee=D(12)))
    assert draft(TERMS).version == 3


def test_a_published_version_is_changed_by_nobody() -> None:
    published = PlanVersion.objects.get(plan__code="starter")

    with system_scope("test"):
        with pytest.raises(DomainError) as raised:
            plan_version_publish(actor=SYSTEM_ACTOR, version_id=published.id)
        for change in (
            lambda: PlanVersion.objects.filter(id=published.id).update(fee=1),
            lambda: PlanVersion.objects.filter(id=published.id).update(published_at=None),
            lambda: PlanVersion.objects.filter(id=published.id).delete(),
        ):
            with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
                change()
    assert raised.value.code == "plan_published"


def test_an_organization_cannot_write_plans(db: None) -> None:
    organization = make_organization("acme")

    with tenant_scope(organization):
        for change in (
            lambda: Plan.objects.update(public=False),
            lambda: PlanVersion.objects.update(fee=0),
            lambda: TrialTerms.objects.create(version=9, days=9),
        ):
            with pytest.raises(ProgrammingError, match="denied"), transaction.atomic():
                change()


NO_AMOUNTS = [D(-1), D("NaN"), D(10) ** 30, D("0.001")]


@pytest.mark.parametrize(
    ("code", "terms"),
    [
        *[("price_invalid", replace(TERMS, fee=bad)) for bad in NO_AMOUNTS[:3]],
        ("currency_decimals", replace(TERMS, fee=D("0.001"))),
        ("currency_decimals", replace(TERMS, fee=D("0.5"), currency="JPY")),
        ("currency_unknown", replace(TERMS, currency="ABC")),
        ("plan_invalid", replace(TERMS, included={"bananas": D(1)})),
        ("plan_invalid", replace(TERMS, included={"prediction": D("1.5")})),
        *[
            ("price_invalid", replace(TERMS, included={"prediction": bad}))
            for bad in NO_AMOUNTS[:3]
        ],
        ("plan_invalid", replace(TERMS, overage=Overage.INVOICE)),
        ("plan_invalid", replace(TERMS, credit_line=D(5))),
        ("price_invalid", replace(TERMS, overage=Overage.INVOICE, credit_line=D(0))),
        ("plan_invalid", replace(TERMS, limits=PlanLimits(seats=0))),
        ("plan_invalid", replace(TERMS, limits=PlanLimits(requests_per_minute=2**31))),
        ("plan_invalid", replace(TERMS, limits=PlanLimits(priority=101))),
        ("plan_invalid", replace(TERMS, period="week")),  # type: ignore[arg-type] # on purpose
    ],
)
def test_terms_nobody_can_keep_are_refused(code: str, terms: PlanTerms) -> None:
    before = PlanVersion.objects.count()
    with pytest.raises(DomainError) as raised:
        draft(terms)
    assert raised.value.code == code
    assert PlanVersion.objects.count() == before


def test_a_plan_has_a_code_of_its_own_and_two_names() -> None:
    with system_scope("test"):
        for values, code in (
            ({"code": "starter"}, "plan_taken"),
            ({"code": "Gold plan"}, "plan_invalid"),
            ({"name_zh": " "}, "plan_invalid"),
        ):
            wanted = {"code": "gold", "name_en": "Gold", "name_zh": "黄金"} | values
            with pytest.raises(DomainError) as raised:
                plan_add(actor=SYSTEM_ACTOR, **wanted)
            assert raised.value.code == code
    with pytest.raises(DomainError) as raised:
        draft(TERMS, "gold")
    assert raised.value.code == "plan_not_found"


def test_a_plan_is_taken_off_the_list_without_touching_its_terms() -> None:
    values: dict[str, Any] = {"name_en": "S", "name_zh": "入", "public": False, "position": 9}
    with system_scope("test"):
        plan_edit(actor=SYSTEM_ACTOR, code="starter", **values)

    assert [plan.code for plan in plans_offered()] == ["free", "pro"]
    assert PlanVersion.objects.get(plan__code="starter").fee == 19


def test_a_new_trial_is_for_those_who_come_from_now_on() -> None:
    before = make_organization("early")
    with system_scope("test"):
        trial_terms_set(actor=SYSTEM_ACTOR, days=3, units={"prediction": 7, "trained_token": 0})
    moment = datetime(2029, 1, 1, tzinfo=UTC)
    with clock.frozen(moment):
        after = make_organization("late")

    with tenant_scope(after), clock.frozen(moment):
        ((unit, granted, ends_at),) = [
            (one.unit, one.granted, one.expires_at) for one in balances(organization=after)
        ]
    assert (unit, granted, ends_at) == ("prediction", 7, datetime(2029, 1, 4, tzinfo=UTC))
    with tenant_scope(before):
        assert {one.granted for one in balances(organization=before)} == {1_000, 10_000_000}
    assert trial_terms_current().version == 2


def test_no_units_are_no_trial() -> None:
    with system_scope("test"):
        trial_terms_set(actor=SYSTEM_ACTOR, days=14, units={})
    organization = make_organization("late")

    with tenant_scope(organization):
        assert balances(organization=organization) == ()


@pytest.mark.parametrize(
    ("days", "units", "code"),
    [
        (0, {"prediction": 1}, "plan_invalid"),
        (3651, {"prediction": 1}, "plan_invalid"),
        (14, {"bananas": 1}, "plan_invalid"),
        (14, {"prediction": D("0.5")}, "plan_invalid"),
        (14, {"prediction": -1}, "price_invalid"),
        (14, {"prediction": D("NaN")}, "price_invalid"),
        (14, {"prediction": D(10) ** 30}, "price_invalid"),
    ],
)
def test_a_trial_nobody_could_use_is_refused(days: int, units: dict[str, Any], code: str) -> None:
    with system_scope("test"), pytest.raises(DomainError) as raised:
        trial_terms_set(actor=SYSTEM_ACTOR, days=days, units=units)
    assert raised.value.code == code
    assert TrialTerms.objects.count() == 1


def test_trial_terms_are_only_added() -> None:
    with system_scope("test"):
        with pytest.raises(ProgrammingError, match="denied"), transaction.atomic():
            TrialTerms.objects.update(days=1)


def test_what_the_operator_does_stands_in_the_houses_trail() -> None:
    values: dict[str, Any] = {"name_en": "G", "name_zh": "金"}
    with system_scope("test"):
        plan_add(actor=SYSTEM_ACTOR, code="gold", **values)
        plan_edit(actor=SYSTEM_ACTOR, code="gold", public=True, position=1, **values)
        made = plan_version_draft(actor=SYSTEM_ACTOR, plan="gold", terms=TERMS)
        plan_version_publish(actor=SYSTEM_ACTOR, version_id=made.id)
        trial_terms_set(actor=SYSTEM_ACTOR, days=3, units={"prediction": 7})
        rows = list(AuditEvent.objects.order_by("id").values_list("action", flat=True))

    assert rows[-5:] == [
        "plan.add",
        "plan.edit",
        "plan_version.draft",
        "plan_version.publish",
        "trial_terms.set",
    ]
