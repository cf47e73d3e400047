"""What the operator offers. These run in the system's scope and leave rows in the house's trail."""

from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Max

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.errors import Conflict
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Actor
from billing.plans.contracts import PlanInfo, PlanTerms, TrialTermsInfo
from billing.plans.errors import PlanInvalid, PlanPublished, PlanTaken, PlanUnknown
from billing.plans.models import Plan, PlanVersion, TrialTerms
from billing.plans.rows import plan_info
from billing.plans.terms import CODE, caps_json, plan_terms_read, units_json, units_read
from tenants.accounts.contracts import HOUSE_ORGANIZATION

_LONGEST_TRIAL = 3650


def plan_add(
    *,
    actor: Actor,
    code: str,
    name_en: str,
    name_zh: str,
    public: bool = True,
    position: int = 0,
) -> str:
    """Make a plan without terms; return its code. Raises PlanInvalid, PlanTaken."""
    if not CODE.fullmatch(code):
        raise PlanInvalid(
            "code: 2 to 50 small letters, digits, '-' and '_', a letter first.", param="code"
        )
    _names_check(name_en, name_zh)
    try:
        with transaction.atomic():
            plan = Plan.objects.create(
                code=code, name_en=name_en, name_zh=name_zh, public=public, position=position
            )
    except IntegrityError as error:
        raise PlanTaken(param="code") from error
    _audit(actor, "plan.add", public_id("plan_", plan.id), {"code": code, "public": public})
    return code


def plan_edit(
    *, actor: Actor, code: str, name_en: str, name_zh: str, public: bool, position: int
) -> None:
    """Rename a plan, move it in the list, offer it or not. Its terms stay. Raises PlanUnknown."""
    _names_check(name_en, name_zh)
    values = {"name_en": name_en, "name_zh": name_zh, "public": public, "position": position}
    if not Plan.objects.filter(code=code).update(**values):
        raise PlanUnknown(param="plan")
    _audit(actor, "plan.edit", code, values)


def plan_version_draft(*, actor: Actor, plan: str, terms: PlanTerms) -> PlanInfo:
    """Write a plan's draft: a new one, or in place of the one there is.

    Raises PlanUnknown, PlanInvalid, PriceInvalid, CurrencyUnknown, CurrencyDecimals.
    """
    read = plan_terms_read(terms)
    # The plan's lock makes two operators' drafts one after the other.
    owner = Plan.objects.select_for_update().filter(code=plan).first()
    if owner is None:
        raise PlanUnknown(param="plan")
    values = {
        "fee": read.fee,
        "currency": read.currency,
        "period": read.period.value,
        "included": units_json(read.included),
        "caps": caps_json(read.caps),
        "overage": read.overage.value,
        "credit_line": read.credit_line,
        **asdict(read.limits),
    }
    versions = PlanVersion.objects.filter(plan=owner)
    draft = versions.filter(published_at__isnull=True).first()
    if draft is None:
        last = versions.aggregate(last=Max("version"))["last"] or 0
        draft = PlanVersion(plan=owner, version=last + 1)
    for name, value in values.items():
        setattr(draft, name, value)
    draft.save()
    _audit(actor, "plan_version.draft", public_id("planv_", draft.id), _told(plan, draft, values))
    return plan_info(draft)


def plan_version_publish(*, actor: Actor, version_id: UUID) -> PlanInfo:
    """Offer a draft from now on. It never changes again. Raises PlanUnknown, PlanPublished."""
    row = (
        PlanVersion.objects.select_related("plan")
        .select_for_update(of=("self",))
        .filter(id=version_id)
        .first()
    )
    if row is None:
        raise PlanUnknown
    if row.published_at is not None:
        raise PlanPublished
    row.published_at = clock.now()
    row.save(update_fields=["published_at"])
    told = _told(row.plan.code, row, {})
    _audit(actor, "plan_version.publish", public_id("planv_", row.id), told)
    return plan_info(row)


def trial_terms_set(
    *, actor: Actor, days: int, units: Mapping[str, Decimal | int | str]
) -> TrialTermsInfo:
    """Give organizations that come from now on another trial; without units there is none.

    Raises PlanInvalid, PriceInvalid.
    """
    if not 1 <= days <= _LONGEST_TRIAL:
        raise PlanInvalid("days: give a whole number from 1 to 3,650.", param="days")
    read = units_read(units)
    last = TrialTerms.objects.aggregate(last=Max("version"))["last"] or 0
    try:
        with transaction.atomic():
            row = TrialTerms.objects.create(version=last + 1, days=days, units=units_json(read))
    except IntegrityError as error:
        raise Conflict("The trial was changed at this moment: look again.") from error
    detail = {"version": row.version, "days": days, "units": units_json(read)}
    _audit(actor, "trial_terms.set", public_id("trial_", row.id), detail)
    return TrialTermsInfo(version=row.version, days=days, units=read)


def _names_check(*names: str) -> None:
    if not all(name.strip() for name in names):
        raise PlanInvalid("Give the plan a name in both languages.", param="name")


def _told(plan: str, row: PlanVersion, values: Mapping[str, Any]) -> dict[str, Any]:
    shown = {
        name: f"{value:f}" if isinstance(value, Decimal) else value
        for name, value in values.items()
    }
    return {"plan": plan, "version": row.version, **shown}


def _audit(actor: Actor, action: str, target: str, detail: dict[str, Any]) -> None:
    audit_record(
        actor=actor, action=action, target=target, detail=detail, organization=HOUSE_ORGANIZATION
    )
