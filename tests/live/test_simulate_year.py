"""A whole virtual year, by the command and with transactions that commit.

In a unit test's one transaction no row version ever dies, and a year takes hours.
"""

import json
import subprocess
import sys

import pytest

from billing.simulation.customers import HAPPENS
from tests.live.machine import MANAGE, ROOT


@pytest.mark.slow
def test_a_year_of_two_hundred_organizations_is_explained() -> None:
    options = ("--organizations", "200", "--days", "365", "--seed", "7", "--json")

    # It makes an installation of its own.
    done = subprocess.run(
        [sys.executable, MANAGE, "simulate_year", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=3600,
        check=False,
    )

    report = json.loads(done.stdout.splitlines()[-1])
    assert (report["drift"], report["differences"], report["drifts"]) == (0, [], [])
    assert report["balances"] > 500
    assert report["counts"]["expired holds"] > 100
    assert report["invoices"] > 500
    assert report["counts"]["accounts suspended"] > 10
    assert report["counts"]["accounts restored"] > 0
    assert report["events"] > report["invoices"]
    assert [kind for kind in HAPPENS if report["counts"][kind] == 0] == []
    assert report["counts"]["disputes lost"] > 10
    assert report["counts"]["credit notes refunded"] > 50
    assert report["counts"]["automatic top-ups"] > 10
    assert {currency for currency, money in report["money"].items() if money["became_credit"]} == {
        "EUR",
        "JPY",
        "KWD",
        "USD",
    }
