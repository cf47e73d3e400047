"""The gateway's two round trips against the real ledger: budgets, parking, prices, abstentions."""

import asyncio
from array import array
from collections.abc import Awaitable, Callable, Iterator
from types import SimpleNamespace
from typing import Any, TypeVar
from uuid import UUID

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from anneal.kernel import clock
from anneal.kernel.ids import public_id, uuid7
from billing.ledger.errors import AccountParked, LimitReached
from mlworker.serving.gateway.answers import abstentions, classify_render
from mlworker.serving.gateway.jobs import abstains_of
from mlworker.serving.gateway.ledger import Ledger, Settlement
from mlworker.serving.gateway.models import Choice
from mlworker.serving.gateway.shaped import shaped_abstentions
from mlworker.serving.gateway.tickets import Ticket
from mlworker.serving.patterns import Pattern
from mlworker.serving.protocol import Answer, ModelSpec
from mlworker.serving.shaping import NOTHING_DECIDED, Decisions, Rule, Shape
from tests.unit.billing.books import Books
from tests.unit.conftest import DatabaseClone

LABELS = ("positive", "negative")
TASK = "text_classification"
SPEC = ModelSpec("v1", "head", "k", "s", 2)
SURE, UNSURE = (0.9, 0.1), (0.55, 0.45)
Result = TypeVar("Result")


@pytest.fixture
def books(database_clone: DatabaseClone) -> Iterator[Books]:
    """An organization with a hundred predictions."""
    with psycopg.connect(database_clone.app_url, autocommit=True) as connection:
        made = Books(connection, uuid7())
        made.organization_add()
        made.grant(100, source="trial", now=clock.now())
        yield made


def with_ledger(clone: DatabaseClone, work: Callable[[Ledger], Awaitable[Result]]) -> Result:
    async def run() -> Result:
        async with AsyncConnectionPool(
            clone.app_url, min_size=1, kwargs={"autocommit": True}, open=False
        ) as pool:
            return await work(Ledger(pool))

    return asyncio.run(run())


def ticket(books: Books, items: int, **more: Any) -> Ticket:
    event_ids = [uuid7() for _ in range(items)]
    fields: dict[str, Any] = {
        "source": "classify",
        "organization_id": books.organization_id,
        "key_digest": None,
        "key_id": None,
        "base": "minilm-l6",
        "model": "sentiment-en",
        "deployment_id": None,
        "spec": SPEC,
        "lengths": [3] * items,
        "tokens": b"",
        "event_ids": event_ids,
        "render": classify_render(
            model="sentiment-en",
            task=TASK,
            labels=LABELS,
            event_ids=event_ids,
            top_k=None,
            threshold=0.8,
            usage={"predictions": items},
        ),
        "price_dims": {"task": TASK, "tier": "head", "channel": "online"},
        "abstains": abstentions(task=TASK, threshold=0.8),
        **more,
    }
    return Ticket(**fields)


def answer(made: Ticket, *rows: tuple[float, float]) -> Answer:
    values = array("f", [value for row in rows for value in row]).tobytes()
    return Answer(number=made.number, columns=2, values=values, queue_ms=0.0, inference_ms=0.0)


def served(clone: DatabaseClone, books: Books, *rows: tuple[float, float], **more: Any) -> Ticket:
    """Take, answer and settle a ticket of so many rows; twice, as after a lost reply."""

    async def work(ledger: Ledger) -> Ticket:
        made = ticket(books, len(rows), **more)
        (outcome,) = await ledger.take([made])
        assert outcome.error is None
        made.hold_id = outcome.hold_id
        for _ in range(2):
            given = answer(made, *rows)
            made.read(given)
            settlement = Settlement(made, given)
            await ledger.settle([settlement])
            assert settlement.error is None
        return made

    return with_ledger(clone, work)


def counted(books: Books) -> dict[str, int]:
    rows = books.rows("SELECT meter, sum(units) FROM metering_usageevent GROUP BY meter")
    return {meter: int(units) for meter, units in rows}


def test_answers_without_a_label_are_counted_apart_and_free(
    database_clone: DatabaseClone, books: Books
) -> None:
    made = served(database_clone, books, SURE, UNSURE, SURE)

    assert made.units == 2
    assert (books.balance()["consumed"], books.balance()["held"]) == (2, 0)
    assert counted(books) == {"prediction": 2, "abstention": 1}
    # Feedback names any prediction, the unsure one above all.
    known = {row[0] for row in books.rows("SELECT id FROM metering_usageevent")}
    assert known == set(made.event_ids)
    assert books.drift() == []


def test_an_answer_of_abstentions_alone_costs_nothing_and_is_given(
    database_clone: DatabaseClone, books: Books
) -> None:
    made = served(database_clone, books, UNSURE, UNSURE)

    assert made.units == 0
    assert (books.balance()["consumed"], books.balance()["available"]) == (0, 100)
    assert counted(books) == {"abstention": 2}
    assert books.drift() == []


def test_answers_under_an_outcome_contract_are_counted_and_cost_nothing_yet(
    database_clone: DatabaseClone, books: Books
) -> None:
    made = served(database_clone, books, SURE, UNSURE, SURE, by_outcome=True)

    assert made.units == 0
    assert (books.balance()["consumed"], books.balance()["available"]) == (0, 100)
    assert counted(books) == {"outcome_prediction": 3}
    unsure = books.rows("SELECT id FROM metering_usageevent WHERE dims ? 'abstained'")
    assert unsure == [(made.event_ids[1],)]
    assert books.drift() == []


def test_what_a_rule_decided_is_charged_as_one_prediction(
    database_clone: DatabaseClone, books: Books
) -> None:
    """Of four texts one is a rule's, one is overruled, one is sure, and one abstained."""
    rule = Rule("refunds", Pattern((" refund ",)), "refund", None)
    decisions = Decisions(before={1: rule}, after={2: [rule]})
    abstains = shaped_abstentions(
        shape=Shape(TASK, LABELS), decisions=decisions, items=4, threshold=0.8
    )
    ids = [uuid7() for _ in range(4)]

    made = served(
        database_clone,
        books,
        SURE,
        UNSURE,
        UNSURE,
        event_ids=ids,
        render=lambda _: b"{}",
        abstains=abstains,
    )

    assert (made.items, made.units) == (4, 3)
    assert made.free == [False, False, False, True]
    assert counted(books) == {"prediction": 3, "abstention": 1}
    assert (books.balance()["consumed"], books.drift()) == (3, [])


def test_an_operator_may_charge_for_abstentions(
    database_clone: DatabaseClone, books: Books
) -> None:
    made = served(database_clone, books, SURE, UNSURE, abstains=None)

    assert made.units == 2
    assert counted(books) == {"prediction": 2}


@pytest.mark.parametrize("free", [False, True])
def test_a_threshold_makes_a_call_free_only_if_the_operator_says_so(
    settings: Any, free: bool
) -> None:
    settings.ANNEAL_FREE_ABSTENTIONS = free
    servable: Any = SimpleNamespace(task=TASK, labels=LABELS)
    choice = Choice(servable, SPEC)
    job: Any = SimpleNamespace(threshold=1.0)

    assert (abstains_of(job, choice, NOTHING_DECIDED) is not None) == free


def test_what_may_choose_the_price_is_counted_with_the_event(
    database_clone: DatabaseClone, books: Books
) -> None:
    served(database_clone, books, SURE)

    ((dims,),) = books.rows("SELECT dims FROM metering_usageevent")
    assert {"task": TASK, "tier": "head", "channel": "online"}.items() <= dims.items()


def test_a_keys_and_its_makers_budgets_count_the_call(
    database_clone: DatabaseClone, books: Books
) -> None:
    key, member = uuid7(), uuid7()
    of_key = books.limit(2, scope="key", subject_id=key)
    of_member = books.limit(3, scope="member", subject_id=member)
    served(database_clone, books, SURE, SURE, key_id=key, member_id=member)

    def refused(**whose: UUID) -> Any:
        async def work(ledger: Ledger) -> Any:
            (outcome,) = await ledger.take([ticket(books, 2, **whose)])
            return outcome.error

        return with_ledger(database_clone, work)

    for error, limit in (
        (refused(key_id=key, member_id=member), of_key),
        (refused(key_id=uuid7(), member_id=member), of_member),
    ):
        assert isinstance(error, LimitReached)
        assert error.param == public_id("bud_", limit)
    assert refused(key_id=uuid7(), member_id=uuid7()) is None


def test_a_parked_account_is_refused_as_such(database_clone: DatabaseClone, books: Books) -> None:
    books.park("The books differ.", now=clock.now())

    async def work(ledger: Ledger) -> Any:
        (outcome,) = await ledger.take([ticket(books, 1)])
        return outcome

    outcome = with_ledger(database_clone, work)
    assert outcome.hold_id is None
    assert isinstance(outcome.error, AccountParked)


def test_money_pays_for_what_the_predictions_do_not_cover_and_its_lack_is_named(
    database_clone: DatabaseClone, books: Books
) -> None:
    books.money().grant("0.001", source="paid", now=clock.now())  # ten at the list price
    served(database_clone, books, *[SURE] * 105)

    async def work(ledger: Ledger) -> Any:
        (outcome,) = await ledger.take([ticket(books, 6)])
        return outcome.error

    assert str(with_ledger(database_clone, work)).startswith(
        "The balance has 0 predictions left, this call needs more. The rest would cost up to"
        " 0.0006 USD, 0.0005 available."
    )
    assert books.balance()["available"] == 0
    assert books.drift() == []
