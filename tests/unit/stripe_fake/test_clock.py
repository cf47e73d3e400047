from datetime import UTC, datetime, timedelta

import pytest
import stripe

from tests.stripe_fake import StripeFake
from tests.stripe_fake.clock import Clock

NOON = datetime(2026, 10, 31, 12, tzinfo=UTC)


def test_a_frozen_clock_moves_when_it_is_told(
    fake: StripeFake, client: stripe.StripeClient
) -> None:
    first = client.v1.customers.create()
    fake.advance(days=30)
    second = client.v1.customers.create()
    assert first.created == int(NOON.timestamp())
    assert second.created - first.created == 30 * 24 * 3600


def test_timers_run_at_their_own_moments_in_order() -> None:
    clock = Clock(NOON)
    ran: list[tuple[str, datetime]] = []

    def note(name: str) -> None:
        ran.append((name, clock.now))

    clock.at(clock.seconds + 7200, lambda: note("second"))
    clock.at(clock.seconds + 3600, lambda: note("first"))
    clock.at(clock.seconds + 3600, lambda: clock.at(clock.seconds + 60, lambda: note("between")))
    clock.advance(timedelta(hours=3))
    assert ran == [
        ("first", NOON + timedelta(hours=1)),
        ("between", NOON + timedelta(hours=1, minutes=1)),
        ("second", NOON + timedelta(hours=2)),
    ]
    assert clock.now == NOON + timedelta(hours=3)


def test_time_never_goes_back() -> None:
    with pytest.raises(ValueError, match="forward"):
        Clock(NOON).advance(timedelta(seconds=-1))


def test_without_a_start_it_runs_with_the_machine() -> None:
    clock = Clock()
    before = datetime.now(UTC)
    assert abs(clock.now - before) < timedelta(seconds=5)
    clock.advance(timedelta(days=1))
    assert timedelta(hours=23) < clock.now - before < timedelta(hours=25)
