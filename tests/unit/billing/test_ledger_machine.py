"""The ledger against a naive model that keeps all units and coins as pieces of a heap."""

import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection as django_connection
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.unit.billing.ledger_machine import PLANS, STEPS, LedgerMachine
from tests.unit.billing.machine_worlds import worlds_make
from tests.unit.conftest import DatabaseClone


@pytest.fixture
def machine(
    database_clone: DatabaseClone, django_db_setup: None, django_db_blocker: Any
) -> Iterator[type[LedgerMachine]]:
    """The machine over a database whose rows are committed."""
    with (
        django_db_blocker.unblock(),
        psycopg.connect(database_clone.app_url, autocommit=True) as connection,
    ):
        worlds_make(connection)
        LedgerMachine.connection = connection
        LedgerMachine.done.clear()
        yield LedgerMachine
        django_connection.close()


def run(machine: type[LedgerMachine], steps: int, length: int, least: int) -> None:
    """Play examples until the ledger has done ``steps``, each kind at least so often; tell them."""
    done = machine.done
    while (total := sum(done[one] for one in STEPS)) < steps or _rarest(done) < least:
        assert total < 3 * steps, done
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=max(3, 3 * (steps - total) // (2 * length)),
                stateful_step_count=length,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    sys.stdout.write(f"{total} steps: {dict(sorted(done.items()))}\n")


def _rarest(done: Counter[str]) -> int:
    return min(done[one] for one in STEPS)


def test_the_ledger_and_a_naive_model_never_differ(machine: type[LedgerMachine]) -> None:
    run(machine, steps=300, length=30, least=4)


@pytest.mark.slow
def test_ten_thousand_steps_of_the_ledger_and_the_model_never_differ(
    machine: type[LedgerMachine],
) -> None:
    run(machine, steps=10_000, length=100, least=200)

    assert all(machine.done[one] >= 20 for one in PLANS), machine.done
