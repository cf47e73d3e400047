"""A customer that somebody deletes in Stripe's dashboard: another one takes its place."""

import pytest

from anneal.kernel import clock
from anneal.kernel.ids import public_id
from anneal.kernel.models import AuditEvent
from anneal.kernel.scopes import tenant_scope
from billing.payments.models import PaymentMethod
from billing.payments.services.attempts import invoice_collect
from tests.stripe_fake.official import official_client
from tests.unit.factories import error_of
from tests.unit.invoices.helpers import invoiced
from tests.unit.payments.shop import Shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def old(shop: Shop, card: str) -> str:
    """The id of the shop's customer, which the operator has deleted at Stripe."""
    return deleted(shop)


def deleted(shop: Shop) -> str:
    with official_client(shop.fake) as client:
        (customer,) = client.v1.customers.list().data
        client.v1.customers.delete(customer.id)
    return str(customer.id)


def told_of(shop: Shop) -> list[str]:
    """The deleted customers that the audit trail names."""
    with tenant_scope(shop.organization):
        rows = AuditEvent.objects.filter(action="payment_customer.delete").order_by("id")
        return [row.detail["customer"] for row in rows]


def test_a_page_is_opened_for_a_new_customer_in_place_of_a_deleted_one(
    shop: Shop, old: str
) -> None:
    shop.complete(shop.open(purpose="top_up", amount="50"))
    shop.hear(copies=2)

    assert shop.credit() == 50
    assert told_of(shop) == [old]
    assert shop.states() == {"done"}


def test_each_deleted_customer_gives_way_to_another(shop: Shop, old: str) -> None:
    shop.save_card()
    second = deleted(shop)
    shop.hear()

    shop.save_card()

    assert told_of(shop) == [old, second]
    with tenant_scope(shop.organization):
        assert PaymentMethod.objects.filter(removed_at__isnull=True).count() == 1


def test_what_is_told_late_of_a_deleted_customer_takes_no_card_from_the_new_one(
    shop: Shop, old: str
) -> None:
    new = shop.save_card()

    shop.hear(copies=2)

    with tenant_scope(shop.organization):
        assert PaymentMethod.objects.get(removed_at__isnull=True).ref == new


def test_a_card_of_a_deleted_customer_is_gone_and_another_one_pays(shop: Shop, old: str) -> None:
    invoice = invoiced(shop.organization, "20", at=clock.now())

    invoice_collect(organization=shop.organization, invoice_id=invoice.id, automatic=True)

    with tenant_scope(shop.organization):
        assert not PaymentMethod.objects.filter(removed_at__isnull=True).exists()
    shop.save_card()
    invoice_collect(organization=shop.organization, invoice_id=invoice.id, automatic=True)
    assert shop.invoice(invoice).payment_status == "paid"


def test_the_card_of_a_deleted_customer_cannot_be_chosen(shop: Shop, old: str) -> None:
    with tenant_scope(shop.organization):
        card = public_id("pm_", PaymentMethod.objects.get().id)

    answer = shop.api.post(f"/v1/billing/payment_methods/{card}/default")

    assert (answer.status_code, error_of(answer)["code"]) == (404, "not_found")
    assert told_of(shop) == [old]


def test_cards_are_minded_by_a_new_customer_in_place_of_a_deleted_one(shop: Shop, old: str) -> None:
    answer = shop.api.post("/v1/billing/portal", {"return_path": "/o/acme/billing"}, format="json")

    assert answer.status_code == 200, answer.content


def test_a_dispute_of_a_deleted_customer_finds_its_payment(shop: Shop, card: str) -> None:
    invoice = invoiced(shop.organization, "20", at=clock.now())
    invoice_collect(organization=shop.organization, invoice_id=invoice.id, automatic=True)
    deleted(shop)
    shop.save_card()
    dispute = shop.fake.dispute(shop.fake.all("charge")[0]["id"])
    shop.fake.dispute_close(dispute["id"], won=False)

    shop.hear()

    assert shop.invoice(invoice).due_minor == 2000
