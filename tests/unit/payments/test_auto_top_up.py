"""Credit that is bought by itself."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.mail import EmailMessage

from anneal.kernel import clock
from anneal.kernel.models import AuditEvent, OutboxMessage
from anneal.kernel.principal import SYSTEM_ACTOR, Role
from anneal.kernel.rounds import BEGINNING
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.ledger.services import account_park, balance_grant
from billing.payments.mails import pause_mail
from billing.payments.services.auto_top_up import auto_top_up_look, auto_top_ups_due
from billing.payments.tasks import auto_top_up
from tenants.accounts.models import User
from tests.unit.factories import make_member
from tests.unit.invoices.helpers import add_credit_plan, go
from tests.unit.payments.shop import Shop

pytestmark = pytest.mark.django_db

AUTO = "/v1/billing/auto_top_up"


def wanted(shop: Shop, threshold: str = "100", amount: str = "30", cap: str = "500") -> None:
    body = {"enabled": True, "threshold": threshold, "amount": amount, "daily_cap": cap}
    answer = shop.api.put(AUTO, body, format="json")
    assert answer.status_code == 200, answer.content


def test_r30_one_charge_closes_the_gap(shop: Shop, card: str) -> None:
    wanted(shop)

    for _ in range(5):
        auto_top_up()
    shop.hear()

    assert shop.credit() == Decimal(120)
    assert [row.amount_minor for row in shop.attempts()] == [12_000]


def test_r30_a_day_has_a_cap_and_the_next_day_another(shop: Shop, card: str) -> None:
    wanted(shop, cap="60")
    auto_top_up()
    auto_top_up()
    assert shop.credit() == Decimal(60)
    assert shop.api.get(AUTO).json()["paused"] == "daily_cap"

    with clock.frozen(clock.now() + timedelta(days=1, hours=1)):
        auto_top_up()

    assert shop.credit() == Decimal(120)


def test_r30_a_refused_card_is_not_tried_again_the_same_day(shop: Shop, card: str) -> None:
    wanted(shop)
    shop.fake.card_becomes(card, "pm_card_chargeCustomerFail")

    for _ in range(3):
        auto_top_up_look(organization=shop.organization)

    assert [row.state for row in shop.attempts()] == ["failed"]
    assert shop.api.get(AUTO).json()["paused"]


@pytest.mark.parametrize(
    ("reason", "english", "chinese"),
    [
        ("daily_cap", "Raise the daily cap", "提高每日上限"),
        ("card_declined", "the card was declined", "银行卡被拒绝"),
        ("payment_method_required", "no card is saved", "没有已保存的银行卡"),
        ("currency_mismatch", "in another currency", "按账户币种重新设置"),
        ("unanswered", "did not take the payment", "支付服务商未受理"),
    ],
)
def test_who_looks_after_money_is_told_why_it_waits_and_how_to_go_on(
    organization: OrganizationRef,
    mailoutbox: list[EmailMessage],
    reason: str,
    english: str,
    chinese: str,
) -> None:
    member = make_member(organization, Role.BILLING)
    make_member(organization, Role.DEVELOPER)
    User.objects.filter(id=member.id).update(language="zh-hans")

    assert pause_mail(organization=organization, reason=reason, until=clock.now()) == 2

    texts = {mail.to[0]: mail.body for mail in mailoutbox}
    theirs = texts.pop(member.email)
    assert chinese in theirs
    assert all(english in text for text in texts.values())
    assert f"/o/{organization.slug}/billing/methods" in theirs


def test_a_card_that_is_refused_each_day_is_told_of_once(shop: Shop, card: str) -> None:
    wanted(shop)
    shop.fake.card_becomes(card, "pm_card_chargeCustomerFail")
    auto_top_up_look(organization=shop.organization)
    with clock.frozen(clock.now() + timedelta(days=1, hours=1)):
        auto_top_up_look(organization=shop.organization)

    assert [row.state for row in shop.attempts()] == ["failed", "failed"]
    with system_scope("test"):
        asked = OutboxMessage.objects.filter(task="payments.pause_mail")
        reasons = [row.payload["reason"] for row in asked]
    kept = shop.api.get(AUTO).json()
    assert reasons == [kept["paused"]]
    assert kept["paused_until"] is not None
    with tenant_scope(shop.organization):
        assert AuditEvent.objects.filter(action="auto_top_up.pause").count() == 1


def due() -> int:
    """How many organizations the scheduler visits now."""
    with system_scope("test"):
        return len(auto_top_ups_due(after=BEGINNING))


def test_only_those_below_their_threshold_are_visited(shop: Shop, card: str) -> None:
    wanted(shop, threshold="20")
    assert due() == 1
    auto_top_up()
    assert (shop.credit(), due()) == (30, 0)

    wanted(shop, threshold="30")
    assert due() == 0

    wanted(shop, threshold="30.01")
    assert due() == 1


def test_money_that_a_credit_line_lends_is_not_left(shop: Shop, card: str) -> None:
    add_credit_plan()
    go(shop.organization, "later", clock.now())
    wanted(shop, threshold="20")
    assert shop.credit() == 100

    assert due() == 1
    auto_top_up()

    assert [row.amount_minor for row in shop.attempts()] == [3_000]
    assert (shop.credit(), due()) == (130, 0)


def test_money_that_has_expired_is_not_left(shop: Shop, card: str) -> None:
    now = clock.now()
    with tenant_scope(shop.organization):
        balance_grant(
            organization=shop.organization,
            unit="USD",
            amount=50,
            kind="promotional",
            source="gift",
            expires_at=now + timedelta(days=1),
        )
    wanted(shop, threshold="20")
    assert due() == 0

    with clock.frozen(now + timedelta(days=1)):
        assert due() == 1


def test_a_parked_account_buys_nothing(shop: Shop, card: str) -> None:
    wanted(shop)
    with system_scope("test"):
        account_park(organization=shop.organization, actor=SYSTEM_ACTOR, reason="A dispute.")

    assert due() == 0
    assert auto_top_up_look(organization=shop.organization) is None
    assert shop.attempts() == []


def test_it_needs_a_card(shop: Shop) -> None:
    body = {"enabled": True, "threshold": "10", "amount": "30", "daily_cap": "60"}

    assert shop.api.put(AUTO, body, format="json").status_code == 402


def test_nothing_is_charged_in_a_currency_that_the_account_is_not_kept_in(
    shop: Shop, card: str
) -> None:
    wanted(shop)
    shop.complete(shop.open(purpose="top_up", amount="5000", currency="JPY"))
    shop.hear()

    auto_top_up()

    assert shop.api.get(AUTO).json()["paused"] == "currency_mismatch"
    assert [row.currency for row in shop.attempts()] == ["JPY"]
    wanted(shop, threshold="10000", amount="5000", cap="50000")
    auto_top_up()
    assert shop.credit("JPY") == 10_000
