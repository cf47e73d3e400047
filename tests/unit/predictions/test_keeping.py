"""A gateway's keeper: notes in no time, thins evenly under load, loses no count."""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest

from anneal.kernel import clock
from anneal.kernel.ids import uuid7
from anneal.kernel.scopes import OrganizationRef
from mlworker.predictions import keeping
from mlworker.predictions.contracts import TEXT_LENGTH, LogDayInfo
from mlworker.predictions.keeping import Keeper
from mlworker.predictions.rows import KeptRow, row_of
from mlworker.serving.contracts import LogInfo
from mlworker.serving.listening import AnsweredCall

ACME, RIVAL = (OrganizationRef(uuid7(), slug) for slug in ("acme", "rival"))
DEPLOYMENT, OTHER = uuid7(), uuid7()
ON = LogInfo(enabled=True)
ALWAYS, LATE = bytes(16), b"\xff" * 16


class Table:
    """A table by script."""

    def __init__(self) -> None:
        self.rows: dict[Any, list[KeptRow]] = {}
        self.days: dict[Any, LogDayInfo] = {}
        self.away = False
        self.today = 0

    def write(
        self, *, organization: Any, deployment_id: Any, rows: list[KeptRow], counted: LogDayInfo
    ) -> int:
        if self.away:
            raise keeping.DatabaseError("away")
        self.rows.setdefault(deployment_id, []).extend(rows)
        self.days[deployment_id] = counted
        return self.today or len(rows)


class NoScope:
    def __init__(self, _: OrganizationRef) -> None:
        pass

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Table:
    made = Table()
    monkeypatch.setattr(keeping, "log_write", made.write)
    monkeypatch.setattr(keeping, "tenant_scope", NoScope)
    return made


def call(
    *texts: str,
    log: LogInfo = ON,
    random: bytes = ALWAYS,
    of: OrganizationRef = ACME,
    deployment: Any = DEPLOYMENT,
    fails: bool = False,
    size: int = 0,
) -> AnsweredCall:
    def answers() -> Iterator[Mapping[str, Any]]:
        if fails:
            raise ValueError("unfit")
        for _ in texts:
            yield {"label": "good", "score": 0.75, "scores": {"good": 0.75, "bad": 0.25}}

    ids = [uuid7() for _ in texts]
    return AnsweredCall(of, deployment, "m", log, random, texts, ids, answers, size)


def written(*calls: AnsweredCall, keeper: Keeper | None = None) -> None:
    keeper = keeper or Keeper()
    for each in calls:
        keeper.answered(each)
    asyncio.run(keeper.write())


def counts(table: Table, deployment: Any = DEPLOYMENT) -> tuple[int, int, int]:
    day = table.days[deployment]
    return day.answered, day.kept, day.dropped


def test_a_call_is_kept_hidden_with_its_answers(table: Table) -> None:
    made = call("mail me: a@b.de", "so so")

    written(made)

    rows = {row.id: row for row in table.rows[DEPLOYMENT]}
    first, second = (rows[each] for each in made.ids)
    assert (first.text, first.hidden, second.text) == ("mail me: [email]", 1, "so so")
    assert (first.labels, first.score, first.model) == (["good"], 0.75, "m")
    assert counts(table) == (2, 2, 0)


def test_a_share_of_the_calls_is_kept(table: Table) -> None:
    log = LogInfo(enabled=True, percent=20)

    written(call("kept", log=log), call("left out", "too", log=log, random=LATE))

    assert [row.text for row in table.rows[DEPLOYMENT]] == ["kept"]
    assert counts(table) == (3, 1, 0)


def test_texts_are_left_out_where_answers_alone_are_wanted(table: Table) -> None:
    written(call("secret", log=LogInfo(enabled=True, texts=False)))

    [row] = table.rows[DEPLOYMENT]
    assert (row.text, row.hidden, row.labels) == (None, 0, ["good"])


def test_under_load_an_even_part_is_kept_and_the_rest_counted(table: Table) -> None:
    keeper = Keeper()
    calls = [call(str(number)) for number in range(20_000)]

    written(*calls, call("quiet", of=RIVAL, deployment=OTHER), keeper=keeper)

    numbers = sorted(int(row.text or "") for row in table.rows[DEPLOYMENT])
    assert 300 < len(numbers) <= keeping.ROWS_OF_ONE
    assert counts(table) == (20_000, len(numbers), 20_000 - len(numbers))
    # from all of the second, not from its beginning
    halves = sum(number < 10_000 for number in numbers)
    assert 0.35 < halves / len(numbers) < 0.65
    assert counts(table, OTHER) == (1, 1, 0)
    # and the next second begins anew
    written(call("later"), keeper=keeper)
    assert counts(table) == (1, 1, 0)


def test_long_texts_do_not_fill_the_memory() -> None:
    keeper = Keeper()
    for _ in range(50):
        keeper.answered(call("x" * 900_000))

    assert keeper._characters <= keeping.CHARACTERS
    [waiting] = keeper._waiting.values()
    assert waiting.dropped == 50 - len(waiting.calls)


def test_large_answers_do_not_fill_the_memory() -> None:
    keeper = Keeper()
    for _ in range(50):
        keeper.answered(call("x", size=900_000))

    [waiting] = keeper._waiting.values()
    assert len(waiting.calls) <= 2
    assert waiting.dropped == 50 - len(waiting.calls)


def test_rows_beyond_the_time_of_a_second_are_dropped(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "BUSY_SECONDS", -1.0)

    written(call("a", "b"))

    assert counts(table) == (2, 0, 2)


def test_without_a_database_the_rows_are_dropped_and_the_counts_wait(table: Table) -> None:
    keeper = Keeper()
    table.away = True
    written(
        call("lost"), call("out", log=LogInfo(enabled=True, percent=1), random=LATE), keeper=keeper
    )
    table.away = False

    written(call("there"), keeper=keeper)

    assert [row.text for row in table.rows[DEPLOYMENT]] == ["there"]
    assert counts(table) == (3, 1, 1)


def test_a_fault_of_one_deployments_rows_is_its_own(table: Table) -> None:
    written(call("a", fails=True), call("b", of=RIVAL, deployment=OTHER))

    assert DEPLOYMENT not in table.rows
    assert counts(table, OTHER) == (1, 1, 0)


def test_a_full_day_keeps_nothing_more_until_the_next(table: Table, settings: Any) -> None:
    settings.ANNEAL_PREDICTION_LOG_ROWS = 10
    table.today = 10
    keeper = Keeper()
    written(call("the last"), keeper=keeper)

    written(call("too many", "of them"), keeper=keeper)
    assert counts(table) == (2, 0, 2)

    with clock.frozen(clock.now() + timedelta(days=1)):
        table.today = 1
        written(call("tomorrow"), keeper=keeper)
    assert [row.text for row in table.rows[DEPLOYMENT]] == ["the last", "tomorrow"]


def kept(found: dict[str, Any], text: str = "x", log: LogInfo = ON) -> KeptRow:
    return row_of(
        log, prediction_id=uuid7(), created_at=clock.now(), model="m", text=text, found=found
    )


def test_every_task_has_labels_and_a_score_to_be_filtered_by() -> None:
    several = kept({"labels": ["a", "b"], "scores": {"a": 0.9, "b": 0.6, "c": 0.3}})
    none = kept({"label": None, "score": 0.4, "scores": {"a": 0.4}})
    number = kept({"value": 2.5})

    assert (several.labels, several.score) == (["a", "b"], 0.6)
    assert (none.labels, none.score) == ([], 0.4)
    assert (number.labels, number.score, number.answer) == ([], None, {"value": 2.5})


def test_entities_repeat_nothing_of_the_text_and_point_into_what_is_kept() -> None:
    text = "a@b.de met Anna"
    entities = [
        {"label": "mail", "start": 0, "end": 6, "text": "a@b.de", "score": 0.5},
        {"label": "person", "start": 11, "end": 15, "text": "Anna", "score": 0.9},
    ]

    row = kept({"entities": entities}, text)
    bare = kept({"entities": entities}, text, LogInfo(enabled=True, texts=False))

    assert (row.text, row.labels, row.score) == ("[email] met Anna", ["mail", "person"], 0.5)
    spans = [row.text[each["start"] : each["end"]] for each in row.answer["entities"]]
    assert spans == ["[email]", "Anna"]
    assert bare.answer["entities"] == [
        {"label": "mail", "score": 0.5},
        {"label": "person", "score": 0.9},
    ]
    assert "Anna" not in str(row.answer)


def test_a_long_text_is_cut_and_hides_what_stands_at_the_cut() -> None:
    number = "4111111111111111"
    text = "x " * (TEXT_LENGTH // 2 - 4) + number + " and more"

    row = kept({"value": 1.0}, text)

    assert row.text_cut
    assert row.text is not None
    assert number[:6] not in row.text
    assert len(row.text) <= TEXT_LENGTH
