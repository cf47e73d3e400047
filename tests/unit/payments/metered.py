"""Usage that Stripe's meters are told of, by the fake's clock."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from anneal.kernel import clock
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.metering.contracts import UsageEventNew
from billing.metering.services import rollups_advance
from billing.metering.services.ingest import usage_ingest
from billing.payments.contracts import MeterEventWanted
from billing.payments.models import MeterExport, PaymentCustomer
from billing.payments.provider.stripe import StripeProvider
from billing.payments.tasks import exports
from tests.stripe_fake import StripeFake
from tests.stripe_fake.official import official_client

METER, EVENT = "prediction", "anneal_prediction"


class Killed(BaseException):
    """The process ends here."""


def make_meter(fake: StripeFake, event_name: str = EVENT) -> None:
    """Make a meter at Stripe."""
    with official_client(fake) as client:
        client.v1.billing.meters.create(
            {
                "display_name": event_name,
                "event_name": event_name,
                "default_aggregation": {"formula": "sum"},
            }
        )


@contextmanager
def now_at(fake: StripeFake) -> Iterator[None]:
    """Let it be as late here as it is at Stripe."""
    with clock.frozen(fake.clock.now):
        yield


def use(
    fake: StripeFake,
    organization: OrganizationRef,
    units: str,
    *,
    hours_ago: int = 0,
    meter: str = METER,
) -> None:
    """Count units, now or late."""
    with now_at(fake), system_scope("test"):
        event = UsageEventNew(
            organization_id=organization.id,
            source="test",
            event_id=uuid4().hex,
            meter=meter,
            units=Decimal(units),
            occurred_at=clock.now() - timedelta(hours=hours_ago),
        )
        usage_ingest(events=[event])


def turn(fake: StripeFake, **by: float) -> None:
    """Let time pass, sum the hours that are over, and tell Stripe."""
    fake.advance(**by)
    with now_at(fake):
        more = True
        while more:
            with system_scope("test"):
                more = rollups_advance(now=clock.now())
        exports()


def turn_killed(fake: StripeFake, **by: float) -> None:
    """The same, but the process is ended when Stripe has taken the first event."""
    tell = StripeProvider.meter_tell

    def ended(provider: StripeProvider, wanted: MeterEventWanted) -> None:
        tell(provider, wanted)
        raise Killed

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(StripeProvider, "meter_tell", ended)
        turn(fake, **by)


def rows(organization: OrganizationRef) -> list[MeterExport]:
    """What was frozen, oldest first."""
    with tenant_scope(organization):
        return list(MeterExport.objects.order_by("id"))


def counted(fake: StripeFake, organization: OrganizationRef, event_name: str = EVENT) -> Decimal:
    """What Stripe counts of an organization."""
    with tenant_scope(organization):
        known = PaymentCustomer.objects.values_list("ref", flat=True).first()
    events = [each for each in fake.account.meter_events if each["event_name"] == event_name]
    mine = [each["payload"] for each in events if each["payload"]["stripe_customer_id"] == known]
    return sum((Decimal(each["value"]) for each in mine), Decimal(0))
