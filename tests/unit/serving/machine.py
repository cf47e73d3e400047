"""An engine's loop at work in a thread, for tests that send it works."""

import threading
import time
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

from anneal.kernel.redis import redis_client
from anneal.kernel.storage import object_put
from mlworker.engine.artifact import save_artifact
from mlworker.engine.artifact_manifest import pack
from mlworker.engine.base.locate import locate_base
from mlworker.serving.protocol import (
    EMBEDDING_TIER,
    Answer,
    Envelope,
    ModelSpec,
    Work,
    answers_decode,
    envelope_encode,
    given_up_key,
    reply_key,
    tokens_pack,
    waiting_key,
    work_name,
)
from mlworker.serving.worker.adapters import Adapters
from mlworker.serving.worker.line import Line
from mlworker.serving.worker.loop import Loop
from tests.unit.engine.test_artifact import make_artifact

BASE = "minilm-l6"
BROKEN = ModelSpec("broken", "head", "organizations/none/model.tar", "0" * 64, 2)
VECTOR = ModelSpec("vector", EMBEDDING_TIER, "", "", 0)
TEXTS = ["a fine film", "a dull and endless film that never finds its story", "no"]


class Machine:
    """A loop in a thread, its queue, and a gateway that reads its replies."""

    def __init__(self, resident: Any, directory: Path, **room: int) -> None:
        self.redis = redis_client()
        self.queue, self.gateway = f"test-{uuid4().hex[:8]}", uuid4().hex[:8]
        self.line = Line(f"engine-{uuid4().hex[:8]}", self.queue)
        self.adapters = Adapters(resident, directory, **room)
        self.loop = Loop(resident, self.adapters, self.line)
        self.tokenizer = resident.tokenizer
        self._stop = threading.Event()
        self.thread = threading.Thread(target=self.loop.run, args=(self._stop.is_set,))
        self.thread.start()

    def work(
        self,
        number: int,
        spec: ModelSpec,
        texts: list[str],
        *,
        deadline: float = 9e9,
        shadow: bool = False,
    ) -> Work:
        rows = [each.ids for each in self.tokenizer.encode(texts, 64)]
        lengths, packed = tokens_pack(rows)
        return Work(number, b"o" * 16, spec, deadline, lengths, packed, shadow)

    def send(self, *works: Work) -> None:
        envelope = Envelope(self.gateway, time.time(), list(works))
        self.redis.lpush(waiting_key(self.queue), envelope_encode(envelope))

    def give_up(self, *numbers: int) -> None:
        names = [work_name(self.gateway, number) for number in numbers]
        self.redis.rpush(given_up_key(self.line.engine), *names)

    def answers(self, count: int) -> dict[int, Answer]:
        found: dict[int, Answer] = {}
        end = time.monotonic() + 20
        while len(found) < count:
            assert time.monotonic() < end, found
            popped = self.redis.brpop([reply_key(self.gateway)], timeout=1)
            if popped is not None:
                found |= {answer.number: answer for answer in answers_decode(popped[1])}
        return found

    def stop(self) -> None:
        self._stop.set()
        self.thread.join(20)
        assert not self.thread.is_alive()


def model_stored(name: str, folder: Path, seed: int) -> ModelSpec:
    """A model of tier full in storage."""
    made = make_artifact(locate_base(BASE), "full", labels=("a", "b"), seed=seed)
    save_artifact(folder / name, made.manifest, made.tensors)
    stored = object_put(f"organizations/test/{uuid4().hex}/model.tar", BytesIO(pack(folder / name)))
    return ModelSpec(name, "full", stored.key, stored.sha256, 2)
