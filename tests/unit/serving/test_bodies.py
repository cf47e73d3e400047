"""What the online bodies accept, and how they refuse the rest."""

import pytest

from anneal.kernel.errors import DomainError
from mlworker.serving.gateway.bodies import (
    ClassifyBody,
    EmbeddingsBody,
    HuggingFaceBody,
    body_decode,
    texts_of,
)


def test_a_text_and_a_list_of_texts_are_read() -> None:
    one = body_decode(ClassifyBody, b'{"model":"m","input":"a"}')
    many = body_decode(ClassifyBody, b'{"model":"m","input":["a","b"],"top_k":1,"threshold":0.5}')

    assert texts_of(one.input, param="input") == ["a"]
    assert texts_of(many.input, param="input") == ["a", "b"]
    assert (many.top_k, many.threshold) == (1, 0.5)


@pytest.mark.parametrize(
    ("raw", "code", "param"),
    [
        (b"", "invalid_json", None),
        (b"{", "invalid_json", None),
        (b"nul", "invalid_json", None),
        (b'{"model":"m","input":"a"} x', "invalid_json", None),
        (b'\xef\xbb\xbf{"model":"m","input":"a"}', "invalid_json", None),
        (b'{"model":"m","input":"\xff"}', "invalid_json", None),
        (b'{"model":"m","input":"\xed\xa0\x80"}', "invalid_json", None),
        (b"[" * 100_000, "invalid_request", None),
        (b'{"inputs":"a","z":' + b"[" * 200_000, "invalid_json", None),
        (b'{"model":"m","input":"\\ud800"}', "text_invalid", None),
        (b'{"model":"m","input":"\\udc00 x"}', "text_invalid", None),
        (b"[]", "invalid_request", None),
        (b'{"model":"m"}', "invalid_request", None),
        (b'{"model":"","input":"a"}', "invalid_request", "model"),
        (b'{"model":"m","input":[1]}', "invalid_request", "input[0]"),
        (b'{"model":"m","input":"a","treshold":1}', "invalid_request", None),
        (b'{"model":"m","input":"a","threshold":1.5}', "invalid_request", "threshold"),
        (b'{"model":"m","input":"a","top_k":0}', "invalid_request", "top_k"),
    ],
)
def test_a_wrong_body_names_its_fault(raw: bytes, code: str, param: str | None) -> None:
    shape = HuggingFaceBody if b'"inputs"' in raw else ClassifyBody

    with pytest.raises(DomainError) as raised:
        body_decode(shape, raw)

    assert raised.value.status == 400
    assert raised.value.code == code
    assert raised.value.param == param


@pytest.mark.parametrize(
    ("given", "status", "code", "param"),
    [
        ([], 400, "invalid_request", "input"),
        (["x"] * 1001, 413, "too_many_items", "input"),
        ("a\x00b", 400, "text_invalid", "input"),
        (["a", "b\x00"], 400, "text_invalid", "input[1]"),
        ("", 400, "invalid_request", "input"),
        (["a", " \n\t"], 400, "invalid_request", "input[1]"),
    ],
)
def test_texts_no_model_can_read_are_refused(
    given: str | list[str], status: int, code: str, param: str
) -> None:
    with pytest.raises(DomainError) as raised:
        texts_of(given, param="input")

    assert (raised.value.status, raised.value.code, raised.value.param) == (status, code, param)


@pytest.mark.parametrize("given", ["[1,2]", "[[1,2],[3]]", '["a",[1]]', '["a",1]'])
def test_tokens_in_place_of_texts_are_refused_with_the_way_out(given: str) -> None:
    body = body_decode(EmbeddingsBody, b'{"model":"m","input":%s}' % given.encode())

    with pytest.raises(DomainError, match="send texts") as raised:
        body.texts()

    assert (raised.value.status, raised.value.param) == (400, "input")


def test_a_thousand_texts_are_one_call() -> None:
    assert len(texts_of(["x"] * 1000, param="input")) == 1000
