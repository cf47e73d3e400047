"""Random prices, takes, captures, releases and extensions: the pool covers, budgets stand."""

import json
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final

import pytest

from anneal.kernel.ids import uuid7
from tests.unit.billing.books import Books
from tests.unit.billing.conftest import NOW
from tests.unit.billing.test_ledger_money import price

KEYS: Final = (str(uuid7()), str(uuid7()))
AMOUNTS: Final = ("0", "0.125", "0.5", "1", "3", "0.333333333333")
STEPS: Final = (
    *["take"] * 5,
    *["capture"] * 3,
    *["segment"] * 2,
    *["release", "extend", "pair", "pair", "day"],
)


def terms_of(chance: Random) -> dict[str, Any]:
    model = chance.choice(["graduated"] * 4 + ["package"] * 2 + ["per_unit"])
    terms: dict[str, Any] = {"model": model, "minimum": chance.choice([None, 50])}
    if model == "package":
        return terms | {
            "package_units": chance.randint(1, 9),
            "package_amount": chance.randint(1, 20),
        }
    if model == "per_unit":
        return terms | {"unit_amount": chance.choice(AMOUNTS)}
    ends = [*sorted(chance.sample(range(1, 40), chance.randint(1, 3))), None]
    tiers = [
        {
            "up_to": end and str(end),
            "unit_amount": chance.choice(AMOUNTS),
            "flat_amount": str(chance.choice([0, 0, 1, 4])),
        }
        for end in ends
    ]
    return terms | {"tiers": json.dumps(tiers)}


POOLS = """
SELECT u.aside, coalesce(x.aside, 0), u.aside >= price_cost(p, u.used, u.pending),
       price_rate(p, u.used), y.charged, y.uncovered
FROM ledger_ratedusage u JOIN prices_price p ON p.id = u.price_id
LEFT JOIN (SELECT h.rated_usage_id, sum((d ->> 1)::numeric) AS aside
           FROM ledger_hold h CROSS JOIN jsonb_array_elements(h.charges) d WHERE h.state = 'held'
           GROUP BY 1) x ON x.rated_usage_id = u.id
JOIN (SELECT rated_usage_id, sum(charged) AS charged, sum(uncovered) AS uncovered
      FROM ledger_hold GROUP BY 1) y ON y.rated_usage_id = u.id
"""
OVER = """
SELECT s.scope, s."window", n.used, n.held, s.amount
FROM ledger_limitcount n JOIN ledger_spendinglimit s ON s.id = n.limit_id
WHERE s.scope <> 'key' AND n.used + n.held > s.amount
"""


class Play:
    """One organization, one price, two keys, and hard budgets of money that bite."""

    def __init__(self, books: Books, terms: dict[str, Any], money: int, budget: int) -> None:
        self.books = Books(books.connection, uuid7(), f"thing_{uuid7().hex[-12:]}")
        self.books.organization_add()
        self.books._as_system(
            "INSERT INTO prices_meter (id, created_at, code, name_en, name_zh, unit_en, unit_zh)"
            " VALUES (gen_random_uuid(), now(), %s, 'T', '物', 't', '个') RETURNING 1",
            [self.books.unit],
        )
        price(self.books, **terms)
        self.books.money().grant(money, source="paid", now=NOW)
        self.books.money().grant(7, source="gift", now=NOW, expires_at=NOW + timedelta(days=2))
        for scope, window, amount in (
            ("organization", "day", budget),
            ("organization", "total", 3 * budget),
            ("plan", "month", 2 * budget),
        ):
            self.books.limit(amount, unit="USD", scope=scope, window=window)
        self.books.limit(2 * budget, unit="USD", scope="key", subject_id=KEYS[0])
        self.now = NOW
        self.open: dict[str, list[Any]] = {}
        self.number = 0

    def step(self, what: str, units: Decimal, which: int) -> None:
        if what == "day":
            self.now += timedelta(hours=20)
        elif what == "take":
            request = self.books.request(float(units), api_key_id=KEYS[which % 2])
            ((accepted, _),) = self.books.take(request, now=self.now)
            if accepted:
                self.open[request["hold_id"]] = [units, KEYS[which % 2]]
        elif self.open:
            hold = list(self.open)[which % len(self.open)]
            getattr(self, what)(hold, units)

    def extend(self, hold: str, units: Decimal) -> None:
        if self.books.extend(hold, float(units), now=self.now) == "extended":
            self.open[hold][0] += units

    def segment(self, hold: str, units: Decimal) -> None:
        part = min(units, self.open[hold][0])
        if part:
            self.number += 1
            named = {"hold_id": hold}, float(part), f"{hold}:{self.number}"
            assert self.books.segment(*named, now=self.now)[0] == "captured"
            self.open[hold][0] -= part

    def capture(self, hold: str, units: Decimal) -> None:
        self.end({hold: min(units, self.open[hold][0])})

    def release(self, hold: str, units: Decimal) -> None:
        self.end({hold: Decimal(0)})

    def pair(self, hold: str, units: Decimal) -> None:
        """End two in one call."""
        first, *others = [hold, *(each for each in self.open if each != hold)]
        self.end({one: min(units, self.open[one][0]) for one in [first, *others[:1]]})

    def end(self, parts: dict[str, Decimal]) -> None:
        told = self.books.settle(
            *(
                self.books.settlement({"hold_id": hold}, float(part))
                for hold, part in parts.items()
            ),
            now=self.now,
        )
        assert {row[0] for row in told} <= {"captured", "released"}
        for hold in parts:
            del self.open[hold]

    def check(self, what: str) -> None:
        for aside, pinned, covers, cost, charged, uncovered in self.books.rows(POOLS):
            assert (aside, covers) == (pinned, True), what
            assert (charged, uncovered) == (cost, 0), what
        assert self.books.rows(OVER) == [], what


@pytest.mark.parametrize(
    "seed", [*range(8), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(8, 24))]
)
def test_whatever_happens_pools_cover_and_budgets_stand(books: Books, seed: int) -> None:
    chance = Random(seed)
    for _ in range(4):
        play = Play(books, terms_of(chance), chance.randint(20, 300), chance.randint(10, 90))
        for _ in range(40):
            what = chance.choice(STEPS)
            play.step(what, Decimal(chance.randint(1, 30)) / 2, chance.randint(0, 5))
            play.check(what)
        assert play.books.drift() == []
        for hold in list(play.open):
            play.capture(hold, play.open[hold][0])
            play.check("end")
        assert play.books.drift() == []
        assert play.books.rows("SELECT 1 FROM ledger_ratedusage WHERE aside + pending > 0") == []
        assert play.books.money().balance()["held"] == 0
