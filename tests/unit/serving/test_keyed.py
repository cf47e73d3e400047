"""Under what an answer with an Idempotency-Key is kept."""

from typing import Any

import pytest

from anneal.kernel.errors import InvalidRequest
from mlworker.serving.errors import InvalidJson
from mlworker.serving.gateway.bodies import HuggingFaceBody, body_decode
from mlworker.serving.gateway.call import Call
from mlworker.serving.gateway.keyed import IN_PARTS, store_as, stream_digest
from mlworker.serving.gateway.tickets import StoreAs

PATH = "POST /hf/models"
BODY = b'{"inputs": "fine", "parameters": {"top_k": 1}}'


def stored(body: bytes = BODY, key: bytes = b"k", apart: str = "") -> StoreAs:
    found = store_as(call(key), PATH, body, apart=apart)
    assert found is not None
    return found


def call(key: bytes | None) -> Call:
    never: Any = None
    headers = [] if key is None else [(b"idempotency-key", key)]
    return Call({"headers": headers}, never, never, "pipeline")


def test_without_a_key_nothing_is_kept() -> None:
    assert store_as(call(None), PATH, BODY) is None


def test_spelling_of_the_body_does_not_matter_and_its_content_does() -> None:
    respelled = b'{"parameters":{"top_k":1},"inputs":"f\\u0069ne"}'

    assert stored(respelled) == stored()
    assert stored(BODY.replace(b"fine", b"dull")).request_hash != stored().request_hash


def test_a_key_fits_one_model_and_one_way_to_answer() -> None:
    hashes = {stored(apart=apart).request_hash for apart in ("", " to a", " to b", IN_PARTS)}

    assert len(hashes) == 4


def test_a_stream_is_named_by_path_key_and_body() -> None:
    names = {stream_digest(stored()), stream_digest(stored(key=b"k2"))}
    names.add(stream_digest(stored(BODY.replace(b"1", b"2"))))

    assert len(names) == 3
    assert all(len(name) == 64 for name in names)


@pytest.mark.parametrize("key", [b"", b"x" * 256, b"a\tb"])
def test_a_key_that_cannot_be_is_refused(key: bytes) -> None:
    with pytest.raises(InvalidRequest) as refused:
        store_as(call(key), PATH, BODY)

    assert refused.value.param == "Idempotency-Key"


@pytest.mark.parametrize("value", [b"1" * 5_000, b'"\xff"'])
def test_a_body_is_refused_whose_unknown_fields_cannot_be_read(value: bytes) -> None:
    body = BODY.replace(b"{", b'{"unknown": ' + value + b", ", 1)
    assert body_decode(HuggingFaceBody, body).inputs == "fine"

    with pytest.raises(InvalidJson):
        stored(body)
