"""What locks the books, an action each: of one organization, or of several at once."""

import random
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

from django.db import connection

from anneal.kernel import clock
from anneal.kernel.ids import uuid7
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.invoices.contracts import ItemKind, ReturnBy
from billing.invoices.preview import plan_change_preview
from billing.invoices.services import (
    credit_note_issue,
    invoice_payment_apply,
    invoice_top_up,
    invoices_close,
    item_add,
)
from billing.invoices.tasks import close, dun
from billing.ledger import functions
from billing.ledger.models import Grant, Hold
from billing.ledger.reconcile import drifts_read
from billing.ledger.services import (
    account_park,
    account_unpark,
    balance_grant,
    balance_grant_set,
    balance_void,
    grants_end,
    hold_capture_segment,
    hold_extend,
    hold_quote,
    hold_refund,
    hold_release,
    hold_take,
    holds_expire,
    limit_remove,
    limit_set,
    usage_charge,
)
from billing.ledger.tasks import notify
from billing.metering.services import rollups_advance
from billing.payments.contracts import CheckoutState, ProviderSession, Purpose
from billing.payments.models import CheckoutSession
from billing.payments.services.sessions import session_settle
from billing.plans.models import Subscription
from billing.plans.services import subscription_cancel, subscription_change
from billing.plans.tasks import renew
from billing.promotions.services import promotion_redeem
from mlworker.jobs.models import FineTuningJob
from mlworker.jobs.rows import event_add, job_locked
from mlworker.jobs.states import Control
from tenants.accounts.services.organizations import (
    organization_rename,
    organization_restore,
    organization_suspend,
)
from tests.unit.billing.books import Books
from tests.unit.billing.metering import event

PLAIN = 2
"""How many of them stay without an account's row: their calls meet at the balances alone."""
UNITS = ("prediction", "trained_token")

Action = Callable[[random.Random, list[OrganizationRef], str], object]


One = Callable[[random.Random, OrganizationRef], object]


def _scoped(call: One, *, plain: bool = True) -> Action:
    """Make it act for one organization, in its scope; not ``plain``: one with an account's row."""

    def act(chance: random.Random, owners: list[OrganizationRef], _: str) -> object:
        organization = chance.choice(owners if plain else owners[PLAIN:])
        with tenant_scope(organization):
            return call(chance, organization)

    return act


def _systems(call: One, *, plain: bool = True) -> Action:
    def act(chance: random.Random, owners: list[OrganizationRef], _: str) -> object:
        with system_scope("test"):
            return call(chance, chance.choice(owners if plain else owners[PLAIN:]))

    return act


def _job(chance: random.Random, organization: OrganizationRef) -> None:
    """As a job's transactions are: several calls on one hold, one of them on another unit."""
    unit, other = chance.sample(UNITS, 2)
    hold = hold_take(
        organization=organization, unit=unit, amount=9, key=str(uuid7()), ttl_seconds=60
    )
    hold_capture_segment(organization=organization, hold_id=hold.id, segment=str(uuid7()), amount=4)
    hold_extend(organization=organization, hold_id=hold.id, ttl_seconds=60, amount=1)
    hold_quote(organization=organization, unit=unit, amount=5)
    hold_release(organization=organization, hold_id=hold.id)
    if chance.random() < 0.5:
        hold_refund(organization=organization, hold_id=hold.id, key=str(uuid7()), reason="test")
    elif unit < other:
        hold_quote(organization=organization, unit=other, amount=5)


def _train(chance: random.Random, organization: OrganizationRef) -> None:
    """As a worker writes: under the lock of its job's row, which a suspension pauses."""
    job_id = FineTuningJob.objects.filter(organization_id=organization.id).get().id
    row = job_locked(job_id)
    event_add(row, "Trained on.")
    hold = hold_take(
        organization=organization, unit="trained_token", amount=1, key=str(uuid7()), ttl_seconds=60
    )
    hold_release(organization=organization, hold_id=hold.id)
    event_add(row, "Trained further.")
    row.control = Control.NONE
    row.save()


def _gift(chance: random.Random, organization: OrganizationRef) -> None:
    for unit in UNITS:
        balance_grant(
            organization=organization,
            unit=unit,
            amount=chance.randint(1, 200),
            kind="operator",
            source=str(uuid7()),
            expires_at=clock.now() + timedelta(seconds=chance.choice([1, 2, 600])),
        )


def _money(_: random.Random, organization: OrganizationRef) -> None:
    balance_grant(
        organization=organization, unit="USD", amount=5, kind="purchased", source=str(uuid7())
    )


def _void(chance: random.Random, organization: OrganizationRef) -> None:
    grants = Grant.objects.filter(organization_id=organization.id, kind="operator")
    balance_void(
        organization=organization,
        grant_id=chance.choice(list(grants.order_by("-id")[:5]) or [Grant(id=uuid7())]).id,
        actor=SYSTEM_ACTOR,
        reason="test",
    )


def _budget(chance: random.Random, organization: OrganizationRef) -> None:
    limit = limit_set(
        organization=organization,
        unit=chance.choice(UNITS),
        window=chance.choice(["day", "month"]),
        amount=10**6,
    )
    if chance.random() < 0.5:
        limit_remove(organization=organization, limit_id=limit.id, actor=SYSTEM_ACTOR)


def _plan(chance: random.Random, organization: OrganizationRef) -> None:
    subscription_change(
        organization=organization,
        actor=SYSTEM_ACTOR,
        plan=chance.choice(["free", "starter", "pro"]),
        assigned=True,
    )


def _preview(chance: random.Random, organization: OrganizationRef) -> None:
    plan_change_preview(
        organization=organization, actor=SYSTEM_ACTOR, plan=chance.choice(["free", "starter"])
    )


def _page(chance: random.Random, organization: OrganizationRef) -> None:
    """As the end of a provider's page on which a card was saved for a plan."""
    ref = f"test:{uuid7()}"
    CheckoutSession(
        organization_id=organization.id,
        ref=ref,
        key=ref,
        purpose=Purpose.PLAN.value,
        plan=chance.choice(["free", "starter", "pro"]),
        state=CheckoutState.OPEN.value,
        expires_at=clock.now(),
        actor_kind="system",
        actor_label="test",
    ).save(force_insert=True)
    session_settle(
        organization=organization,
        session=ProviderSession(ref, CheckoutState.COMPLETE, "", clock.now(), ""),
        intent=None,
        cards=None,
    )


def _leave(chance: random.Random, organization: OrganizationRef) -> None:
    subscription_cancel(
        organization=organization, actor=SYSTEM_ACTOR, at_once=chance.random() < 0.7
    )


def _end_period(_: random.Random, organization: OrganizationRef) -> None:
    """Let the running period be over for the next tick, as far as it has come."""
    Subscription.objects.filter(organization_id=organization.id, ends_at=None).update(
        renews_at=clock.now()
    )


def _park(chance: random.Random, organization: OrganizationRef) -> None:
    act = account_park if chance.random() < 0.2 else account_unpark
    act(organization=organization, actor=SYSTEM_ACTOR, reason="test")


def _suspend(chance: random.Random, organization: OrganizationRef) -> None:
    act = organization_suspend if chance.random() < 0.2 else organization_restore
    act(organization=organization, actor=SYSTEM_ACTOR, reason="test")


def _redeem(chance: random.Random, owners: list[OrganizationRef], code: str) -> None:
    organization = chance.choice(owners)
    with tenant_scope(organization):
        promotion_redeem(organization=organization, actor=SYSTEM_ACTOR, code=code)


def _gateway(chance: random.Random, owners: list[OrganizationRef], _: str) -> None:
    """Many organizations in one call without a scope, in any order, twice for some."""
    asked = [
        Books(None, organization.id, unit).request(1)  # type: ignore[arg-type] # makes a request alone
        for organization in owners
        for unit in UNITS
    ] * 2
    for each in asked:
        each["hold_id"] = str(uuid7())
    chance.shuffle(asked)
    asked = asked[: chance.randint(1, len(asked))]
    with connection.cursor() as cursor:
        cursor.execute("SELECT accepted FROM hold_take(%s::jsonb)", [functions._text(asked)])
        taken = [one for one, (ok,) in zip(asked, cursor.fetchall(), strict=True) if ok]
        held = [
            {
                "organization_id": one["organization_id"],
                "hold_id": one["hold_id"],
                "captured": chance.randint(0, 1),
                "source": "test",
                "event_id": one["hold_id"],
            }
            for one in taken
            if chance.random() < 0.9
        ]
        chance.shuffle(held)
        cursor.execute("SELECT code FROM hold_settle(%s::jsonb)", [functions._text(held)])


def _age(_: random.Random, owners: list[OrganizationRef], __: str) -> None:
    """Let the holds that nobody settled be over, which the reaper then ends."""
    ids = [organization.id for organization in owners]
    with system_scope("test"):
        late = Hold.objects.filter(organization_id__in=ids, state="held", source="test")
        free = late.order_by("id").select_for_update(skip_locked=True).values_list("id", flat=True)
        Hold.objects.filter(id__in=list(free)).update(expires_at=clock.now() - timedelta(seconds=1))


def _storage(chance: random.Random, owners: list[OrganizationRef], _: str) -> None:
    some = chance.sample(owners, chance.randint(1, len(owners)))
    with system_scope("test"):
        usage_charge(
            events=[
                event(each, clock.now(), 1, meter=chance.choice([*UNITS, "storage_gb_hour"]))
                for each in some
            ]
        )


def _rollups(_: random.Random, __: list[OrganizationRef], ___: str) -> None:
    with system_scope("test"):
        rollups_advance(now=clock.now())


def _bill(_: random.Random, organization: OrganizationRef) -> None:
    """As the scheduler and a payment do: what waits becomes an invoice, paid beyond its due."""
    item_add(
        organization=organization,
        source=f"test:{uuid7()}",
        kind=ItemKind.OUTCOME,
        currency="USD",
        amount=Decimal(5),
        description_code="text",
        due_at=clock.now(),
    )
    for invoice in invoices_close(organization=organization):
        invoice_payment_apply(
            organization=organization,
            invoice_id=invoice.id,
            payment_id=uuid7(),
            amount_minor=invoice.due_minor + 1,
        )


def _buy(chance: random.Random, organization: OrganizationRef) -> None:
    """Buy credit, and perhaps give it back."""
    made = invoice_top_up(
        organization=organization, payment_id=uuid7(), amount_minor=500, currency="USD"
    )
    if chance.random() < 0.5:
        credit_note_issue(
            organization=organization,
            actor=SYSTEM_ACTOR,
            invoice_id=made.invoice.id,
            key=str(uuid7()),
            reason="test",
            amount_minor=200,
            return_by=ReturnBy.OUTSIDE,
        )


def _compare(_: random.Random, __: list[OrganizationRef], ___: str) -> None:
    with system_scope("test"):
        drifts_read()


ALONE: dict[str, Action] = {
    "job": _scoped(_job),
    "train": _scoped(_train),
    "gift": _scoped(_gift),
    "money": _scoped(_money, plain=False),
    "void": _scoped(_void),
    "set": _scoped(
        lambda chance, of: balance_grant_set(
            organization=of, unit=chance.choice(UNITS), amount=500, actor=SYSTEM_ACTOR
        )
    ),
    "budget": _scoped(_budget, plain=False),
    "plan": _scoped(_plan, plain=False),
    "preview": _scoped(_preview, plain=False),
    "page": _scoped(_page, plain=False),
    "leave": _scoped(_leave, plain=False),
    "rename": _scoped(
        lambda _, of: organization_rename(organization=of, actor=SYSTEM_ACTOR, name="Another")
    ),
    "redeem": _redeem,
    "end of period": _systems(_end_period),
    "bill": _scoped(_bill, plain=False),
    "buy": _scoped(_buy, plain=False),
    "park": _systems(_park, plain=False),
    "suspend": _systems(_suspend),
}
TOGETHER: dict[str, Action] = {
    "gateway": _gateway,
    "age": _age,
    "storage": _storage,
    "rollups": _rollups,
    "compare": _compare,
    "reap": lambda *_: holds_expire(),
    "sweep": lambda *_: grants_end(),
    "renew": lambda *_: renew(),
    "notify": lambda *_: notify(),
    "close": lambda *_: close(),
    "dun": lambda *_: dun(),
}
MAY_BE_REFUSED = {"bill", "leave", "preview", "redeem"}
"""What an organization may have done already, or cannot yet."""
