"""A gateway's shadows: after the answer, behind all others, bounded, dropped under load."""

import asyncio
import time
from array import array
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from anneal.kernel.ids import uuid7
from anneal.kernel.scopes import OrganizationRef
from mlworker.registry.contracts import ServableModel
from mlworker.serving.gateway import shadows as module
from mlworker.serving.gateway.admission import Admission
from mlworker.serving.gateway.models import Choice, Target
from mlworker.serving.gateway.shadows import Answered, Shadows
from mlworker.serving.gateway.tallies import Tallies
from mlworker.serving.gateway.texts import Tokenisers, Tokens
from mlworker.serving.protocol import NO_ROOM, Answer, ModelSpec, Work
from mlworker.serving.tallying import Tally

ALWAYS, LATER = bytes(16), b"\xff" * 16
LONG = "a longer text " * 400
CUSTOMER = OrganizationRef(uuid7(), "acme")


def servable(name: str, task: str = "text_classification", **more: Any) -> ServableModel:
    fields: dict[str, Any] = {
        "version_id": uuid7(),
        "name": name,
        "base": "minilm-l6",
        "tier": "head",
        "task": task,
        "labels": ("bad", "good"),
        "artifact_key": "k",
        "artifact_sha256": "s",
        "max_length": 128,
        "organization_id": CUSTOMER.id,
        **more,
    }
    return ServableModel(**fields)


def choice(name: str, **more: Any) -> Choice:
    return Choice(servable(name, **more), ModelSpec(name, "head", "k", "s", 2))


def answer(number: int, *rows: tuple[float, ...], **more: Any) -> Answer:
    values = array("f", [value for row in rows for value in row]).tobytes()
    columns = len(rows[0]) if rows else 0
    return Answer(number, columns, values, more.pop("queue_ms", 0.0), 8.0, **more)


class Post:
    """A broker by script."""

    def __init__(self) -> None:
        self.sent: list[Work] = []
        self.asked: list[str] = []
        self.alive = True
        self.broken = False

    def served(self, _: str) -> bool:
        return self.alive

    def want(self, base: str) -> None:
        self.asked.append(base)

    async def send(self, _: str, works: list[Work]) -> None:
        if self.broken:
            raise OSError("away")
        self.sent.extend(works)


class Bench:
    """Shadows at work."""

    def __init__(self, **shadow: Any) -> None:
        self.post, self.tallies, self.tokenisers = Post(), Tallies(), Tokenisers()
        self.admission = Admission(lambda _: 0.0)
        self.shadows = Shadows(self.post, self.tokenisers, self.tallies, self.admission)  # type: ignore[arg-type] # by script
        self.target = Target(
            "reviews",
            uuid7(),
            choice("main"),
            None,
            0,
            shadow=choice("beside", **shadow),
            shadow_percent=30,
            compared_since=2,
        )

    def offer(
        self,
        *rows: tuple[float, ...],
        random: bytes = ALWAYS,
        queue_ms: float = 0.0,
        text: str = "a text",
    ) -> None:
        tokens = Tokens([1] * len(rows), b"\x01\x00\x00\x00" * len(rows), 0, [])
        done = Answered(CUSTOMER, self.target, tokens, answer(0, *rows, queue_ms=queue_ms), None)
        self.shadows.offer(done, [text] * len(rows), random)

    async def answered(self, *rows: tuple[float, ...], **more: Any) -> None:
        await settled()
        self.shadows.answered([answer(self.post.sent[-1].number, *rows, **more)])
        await settled()

    async def answer_all(self) -> None:
        """Answer whatever is under way."""
        await settled()
        sent, self.post.sent = self.post.sent, []
        self.shadows.answered([answer(work.number, (0.1, 0.9)) for work in sent])
        await settled()

    def tally(self) -> Tally:
        [(key, tally)] = self.tallies._tallies[CUSTOMER].items()
        assert (key.side, key.model, key.since) == ("shadow", "beside", 2)
        return tally


def with_shadows(story: Callable[[Bench], Awaitable[None]], **shadow: Any) -> None:
    async def play() -> None:
        bench = Bench(**shadow)
        loop = asyncio.create_task(bench.shadows.send_forever())
        try:
            async with asyncio.timeout(20):
                await story(bench)
        finally:
            loop.cancel()
            bench.tokenisers.close()

    asyncio.run(play())


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_an_answered_call_is_given_to_the_shadow_and_compared() -> None:
    async def story(bench: Bench) -> None:
        bench.offer((0.1, 0.9), (0.8, 0.2))
        await settled()
        [work] = bench.post.sent
        assert (work.shadow, work.organization, work.spec.version) == (
            True,
            CUSTOMER.id.bytes,
            "beside",
        )
        await bench.answered((0.7, 0.3), (0.6, 0.4))
        tally = bench.tally()
        assert (tally.calls, tally.items, tally.compared, tally.judged, tally.agreed) == (
            (1, 2, 2, 2, 1)
        )
        assert tally.changes == {("good", "bad"): 1}
        assert tally.difference == pytest.approx(-0.4, abs=1e-6)
        assert tally.inference_ms == 8.0
        assert bench.shadows.in_flight == 0

    with_shadows(story)


def test_only_its_share_of_the_calls_is_given() -> None:
    async def story(bench: Bench) -> None:
        for number in range(1000):
            bench.offer((0.1, 0.9), random=bytes(4) + (number * 4_294_967).to_bytes(4) + bytes(8))
            await bench.answer_all()
        bench.offer((0.1, 0.9), random=LATER)
        assert 270 < bench.tally().calls < 330
        assert bench.tally().skipped == 0

    with_shadows(story)


def test_a_busy_engine_gets_none() -> None:
    async def story(bench: Bench) -> None:
        bench.offer((0.1, 0.9), queue_ms=500.0)
        await settled()
        assert (bench.post.sent, bench.tally().skipped) == ([], 1)

    with_shadows(story)


def test_no_more_are_under_way_than_there_is_room_for() -> None:
    async def story(bench: Bench) -> None:
        for _ in range(100):
            bench.offer((0.1, 0.9))
        bench.offer(*[(0.1, 0.9)] * 2_000)
        await settled()
        assert (bench.shadows.in_flight, len(bench.post.sent)) == (64, 64)
        assert bench.tally().skipped == 37

    with_shadows(story)


def test_one_that_does_not_run_in_time_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(bench: Bench) -> None:
        bench.offer((0.1, 0.9))
        await settled()
        bench.shadows.sweep()
        assert bench.shadows.in_flight == 1
        later = time.time() + 6
        monkeypatch.setattr(module.time, "time", lambda: later)
        bench.shadows.sweep()
        assert (bench.shadows.in_flight, bench.tally().skipped) == (0, 1)
        await bench.answered((0.1, 0.9))  # too late: it counts for nothing
        assert bench.tally().calls == 0

    with_shadows(story)


@pytest.mark.parametrize(
    ("cause", "failed", "skipped"), [("", 1, 0), ("not_loaded", 1, 0), (NO_ROOM, 0, 1)]
)
def test_its_failures_are_its_own(cause: str, failed: int, skipped: int) -> None:
    async def story(bench: Bench) -> None:
        bench.offer((0.1, 0.9))
        await bench.answered(error="boom", cause=cause)
        assert (bench.tally().failed, bench.tally().skipped) == (failed, skipped)

    with_shadows(story)


def test_an_answer_of_another_size_is_a_failure() -> None:
    async def story(bench: Bench) -> None:
        bench.offer((0.1, 0.9), (0.1, 0.9))
        await bench.answered((0.1, 0.9))
        assert (bench.tally().failed, bench.tally().compared) == (1, 0)

    with_shadows(story)


def test_without_redis_or_an_engine_it_is_dropped_and_an_engine_asked_for() -> None:
    async def story(bench: Bench) -> None:
        bench.post.broken = True
        bench.offer((0.1, 0.9))
        await settled()
        bench.post.alive = False
        bench.offer((0.1, 0.9))
        await settled()
        assert bench.post.asked == ["minilm-l6"]
        assert (bench.shadows.in_flight, bench.tally().skipped) == (0, 2)

    with_shadows(story)


def test_a_shadow_that_reads_texts_otherwise_gets_its_own_tokens() -> None:
    async def story(bench: Bench) -> None:
        bench.offer((0.1, 0.9))
        while not bench.post.sent:
            await asyncio.sleep(0.01)
        [work] = bench.post.sent
        assert work.lengths == [4]  # [CLS] a text [SEP]

    with_shadows(story, max_length=64)


def test_long_texts_of_shadows_are_read_when_no_calls_texts_wait_to_be() -> None:
    async def story(bench: Bench) -> None:
        with bench.admission.room_to_read(CUSTOMER.id, [LONG]):
            bench.offer((0.1, 0.9), text=LONG)
            bench.offer((0.1, 0.9))
            while not bench.post.sent:
                await asyncio.sleep(0.01)
        assert (bench.shadows.in_flight, bench.tally().skipped) == (1, 1)
        for _ in range(2):  # nor behind another shadow's
            bench.offer((0.1, 0.9), text=LONG)
        while len(bench.post.sent) < 2:
            await asyncio.sleep(0.01)
        assert (bench.shadows.in_flight, bench.tally().skipped) == (2, 2)
        with bench.admission.room_to_read(CUSTOMER.id, [LONG], behind=True):
            pass

    with_shadows(story, max_length=64)
