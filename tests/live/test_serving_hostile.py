"""What nobody should send: every answer is a clear 4xx or right, and nothing falls over."""

import json
import socket
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from anneal.local.processes import wait_until
from anneal.web import BODY_SECONDS, HEAD_SECONDS
from tests.live.machine import Installation
from tests.live.serving import DATA, GOOD, MODEL, Customer, error_code, serving

NAUGHTY = DATA / "naughty-strings" / "blns.json"
PARSING = DATA / "json-test-suite" / "test_parsing"

OWN_NAUGHTY = [
    "", " ", "\t\n", "undefined", "NULL", "1/0", "\u202etest\u202e", "\ufeff", "\u200b\u200b",
    "田中さんにあげて下さい", "😍" * 300,
    "Z̮̞̠͙͔ͅḀ̗̞͈̻̗Ḷ͙͎̯̹̞͓G̻O̭̗̮", "<script>alert(0)</script>", "'; DROP TABLE users; --",
    "$(touch /tmp/x)", "%s%n%d", "{0}", "\u0007\u0008\u001b[31m", "a" * 100_000, "\U0010ffff",
]  # fmt: skip
OWN_WRONG = [
    b"", b"{", b"}", b"[1,]", b'{"a":1,}', b"nul", b"'a'", b'{"model" "x"}', b"\xff\xfe{\x00}\x00",
    b'{"model":"sentiment-en","input":"\\u00"}', b'{"model":"sentiment-en","input":"\\ud800"}',
    b'{"model":"sentiment-en","input":"a\\u0000b"}', b"[" * 200_000, b'{"a":' * 100_000, b"NaN",
]  # fmt: skip


@pytest.fixture(scope="module")
def customer(installation: Installation) -> Iterator[Customer]:
    parts = ("web", "worker-serve")
    before = [installation.pids(name)[0] for name in parts]
    with serving(installation) as made:
        yield made
    assert [installation.pids(name)[0] for name in parts] == before


def naughty() -> list[str]:
    if not NAUGHTY.exists():
        warnings.warn(f"no data at {NAUGHTY}: own strings alone", stacklevel=1)
        return OWN_NAUGHTY
    return [*OWN_NAUGHTY, *json.loads(NAUGHTY.read_text(encoding="utf-8"))]


def test_naughty_texts_are_answered_or_refused_clearly(customer: Customer) -> None:
    for text in naughty():
        answer = customer.classify(text)
        assert answer.status_code in (200, 400), (text[:40], answer.text)
        if text.strip():
            assert answer.status_code == 200, (text[:40], answer.text)

    readable = [text for text in naughty() if text.strip()]
    rows = customer.classify(readable[:1000]).json()["data"]
    assert len(rows) == len(readable)


def test_wrong_json_is_a_clear_refusal(customer: Customer) -> None:
    files = sorted(PARSING.glob("n_*.json")) if PARSING.exists() else []
    bodies = OWN_WRONG + [path.read_bytes() for path in files]
    for body in bodies:
        for path in ("/v1/classify", "/v1/embeddings", f"/hf/models/{MODEL}"):
            answer = customer.raw(body, path)
            # One body is fine for vectors, whose models have other names.
            assert answer.status_code in (400, 404), (body[:60], answer.text)


def test_valid_json_that_is_no_request_is_a_400(customer: Customer) -> None:
    files = sorted(PARSING.glob("[yi]_*.json")) if PARSING.exists() else []
    for body in [b"[]", b"1", b'"x"', b"null", b"{}", *(path.read_bytes() for path in files)]:
        assert customer.raw(body).status_code == 400, body[:60]


def test_a_valid_text_in_every_json_spelling_is_read(customer: Customer) -> None:
    body = '{"input":"\\u0047ood \\ud83d\\ude00 film","model":"' + MODEL + '"}'

    assert customer.raw(body.encode()).json()["data"][0]["label"] == "positive"


def test_too_much_is_refused_before_it_is_read(customer: Customer) -> None:
    big = customer.raw(b'{"model":"m","input":"' + b"x" * 2_000_000 + b'"}')
    many = customer.classify(["x"] * 1001)

    assert (big.status_code, error_code(big)) == (413, "payload_too_large")
    assert (many.status_code, error_code(many)) == (413, "too_many_items")


def test_a_body_without_length_is_limited_too(customer: Customer) -> None:
    def endless() -> Iterator[bytes]:
        yield from (b"x" * 65_536 for _ in range(40))

    answer = customer.http.post("/v1/classify", content=endless())

    assert answer.status_code == 413


def test_a_million_tokens_ten_thousand_texts_and_a_hundred_megabytes_cost_no_memory(
    customer: Customer,
) -> None:
    def resident() -> int:
        web = psutil.Process(customer.installation.pids("web")[0])
        return int(web.memory_info().rss)

    fits = "a " * 500_000  # as much as a body holds: 500,000 tokens
    assert customer.classify(fits).status_code == 200
    before = resident()

    read = customer.classify(fits).json()
    million = customer.classify("a " * 1_000_000)
    many = customer.classify(["x"] * 10_000)
    huge = customer.raw(b'{"model":"m","input":"' + b"x" * 100_000_000 + b'"}')

    assert (read["usage"]["truncated"], len(read["data"])) == (1, 1)
    assert (million.status_code, error_code(million)) == (413, "payload_too_large")
    assert (many.status_code, error_code(many)) == (413, "too_many_items")
    assert (huge.status_code, error_code(huge)) == (413, "payload_too_large")
    assert resident() - before < 32 << 20


def test_a_hundred_clients_that_drip_are_ended_and_hold_up_nobody(customer: Customer) -> None:
    parts = urlsplit(customer.installation.url)
    place = (parts.hostname or "", parts.port or 80)
    heads = [socket.create_connection(place) for _ in range(50)]
    bodies = [socket.create_connection(place) for _ in range(50)]
    whole = f"Host: x\r\nAuthorization: Bearer {customer.key}\r\nContent-Length: 500\r\n\r\n"
    for each in bodies:
        each.sendall(b"POST /v1/classify HTTP/1.1\r\n" + whole.encode())
    began = time.monotonic()

    while time.monotonic() - began < HEAD_SECONDS + 1:
        for each in heads:
            with suppress(OSError):  # it was ended
                each.sendall(b"P")
        assert customer.classify(GOOD).status_code == 200
        time.sleep(0.5)

    assert {ended(each) for each in heads} == {True}
    assert wait_until(lambda: all(map(ended, bodies)), seconds=BODY_SECONDS + 30, pause=1)
    for each in (*heads, *bodies):
        each.close()


def ended(connection: socket.socket) -> bool:
    """Whether the server has closed a connection; what it said before is read."""
    connection.setblocking(False)
    try:
        while connection.recv(4096):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def test_a_client_that_leaves_in_the_middle_harms_nobody(customer: Customer) -> None:
    parts = urlsplit(customer.installation.url)
    body = json.dumps({"model": MODEL, "input": [GOOD] * 1000}).encode()
    head = (
        f"POST /v1/classify HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {customer.key}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    for sent in (head.encode(), head.encode() + body[:100], head.encode() + body):
        with socket.create_connection((parts.hostname or "", parts.port or 80)) as connection:
            connection.sendall(sent)

    assert customer.classify(GOOD).status_code == 200
    assert customer.nothing_held()


def given_up(customer: Customer) -> int:
    """Rows that engines dropped since nobody waited for them."""
    lines = httpx.get(f"{customer.installation.url}/metrics", trust_env=False).text.splitlines()
    name = "anneal_engine_dropped_rows_total{"
    return sum(
        int(line.rpartition(" ")[2])
        for line in lines
        if line.startswith(name) and 'reason="given_up"' in line
    )


def test_engines_drop_the_rows_of_a_client_that_left(customer: Customer) -> None:
    parts, before = urlsplit(customer.installation.url), given_up(customer)
    body = json.dumps({"model": MODEL, "input": [f"{GOOD} " * 18] * 1000}).encode()
    head = (
        f"POST /v1/classify HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {customer.key}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((parts.hostname or "", parts.port or 80)) as connection:
        connection.sendall(head.encode() + body)
        time.sleep(1)  # it is under way

    assert wait_until(lambda: given_up(customer) > before, seconds=30, pause=0.5)
    assert customer.nothing_held()


def test_an_odd_model_name_is_not_found(customer: Customer) -> None:
    for name in ("a\x00b", "ft:../../etc", "ft:minilm-l6:x:y:z", "'; --", "é" * 100):
        answer = customer.classify(GOOD, model=name)
        assert (answer.status_code, error_code(answer)) == (404, "model_not_found"), name
    assert customer.classify(GOOD, model="").status_code == 400
    assert customer.http.post("/hf/models/", json={"inputs": GOOD}).status_code == 404
