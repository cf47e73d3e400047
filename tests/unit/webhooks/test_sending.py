"""One attempt over real sockets: what counts as delivered, and where it never goes."""

import datetime
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pytest_django import Settings

from tenants.webhooks.sending import Outcome, attempt
from tests.unit.webhooks.receiver import Receiver, receiver_running

BODY = b'{"id":"evt_1"}'
HEADERS = {"webhook-id": "evt_1"}


def send(url: str, **more: object) -> Outcome:
    return attempt(url, BODY, HEADERS, **more)  # type: ignore[arg-type] # the tests' own doubles


def told(outcome: Outcome) -> tuple[int | None, str]:
    return outcome.status, outcome.error


def test_the_bytes_arrive_as_they_are(receiver: Receiver) -> None:
    outcome = send(receiver.url)

    (one,) = receiver.received
    assert told(outcome) == (204, "")
    assert (one.path, one.body) == ("/hooks?a=1", BODY)
    assert one.headers["content-type"] == "application/json"
    assert one.headers["webhook-id"] == "evt_1"
    assert one.headers["host"] == f"127.0.0.1:{receiver.port}"


@pytest.mark.parametrize(
    ("status", "error"),
    [(200, ""), (202, ""), (299, ""), (400, "status"), (410, "status"), (500, "status")],
)
def test_only_the_two_hundreds_are_delivered(receiver: Receiver, status: int, error: str) -> None:
    receiver.statuses = [status]
    assert told(send(receiver.url)) == (status, error)


def test_a_redirect_is_a_failure_and_is_not_followed(receiver: Receiver) -> None:
    with receiver_running() as elsewhere:
        receiver.statuses, receiver.location = [302], elsewhere.url
        assert told(send(receiver.url)) == (302, "redirect")
        assert elsewhere.received == []


def test_a_name_is_resolved_once_and_connected_to_as_it_was_checked(
    receiver: Receiver, settings: Settings
) -> None:
    """DNS rebinding: a second answer would lead to a forbidden address; nobody asks for it."""
    settings.ANNEAL_WEBHOOK_NETWORKS = [ipaddress.ip_network("127.0.0.2/32")]
    asked: list[tuple[str, int]] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["127.0.0.2"] if len(asked) == 1 else ["127.0.0.1"]

    with receiver_running("127.0.0.2", receiver.port) as allowed:
        outcome = send(f"http://rebind.example:{receiver.port}/", resolver=rebinding)

    assert told(outcome) == (204, "")
    assert asked == [("rebind.example", receiver.port)]
    assert len(allowed.received) == 1
    assert allowed.received[0].headers["host"] == f"rebind.example:{receiver.port}"
    assert receiver.received == []


@pytest.mark.parametrize(
    "answers",
    [["127.0.0.1"], ["127.0.0.2", "127.0.0.1"], ["::ffff:127.0.0.1"], ["169.254.169.254"]],
)
def test_one_forbidden_address_refuses_the_name(
    receiver: Receiver, settings: Settings, answers: list[str]
) -> None:
    settings.ANNEAL_WEBHOOK_NETWORKS = [ipaddress.ip_network("127.0.0.2/32")]

    outcome = send(f"http://inner.example:{receiver.port}/", resolver=lambda *_: answers)

    assert told(outcome) == (None, "address_refused")
    assert receiver.received == []


def test_a_saved_url_is_checked_again_when_the_settings_have_changed(
    receiver: Receiver, settings: Settings
) -> None:
    settings.ANNEAL_WEBHOOK_HTTP = False
    assert told(send(receiver.url)) == (None, "url_refused")
    assert receiver.received == []


def test_a_name_that_does_not_exist_is_said_so(local_allowed: None) -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror

    assert told(send("http://x.example/", resolver=unknown)) == (None, "name_unknown")
    assert told(send("http://x.example/", resolver=lambda *_: [])) == (None, "name_unknown")


@contextmanager
def talking(*answer: bytes, pause: float = 0.0) -> Iterator[str]:
    """A server that says these bytes to each caller, whatever they are."""
    server = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            try:
                caller, _ = server.accept()
            except OSError:
                return
            with caller:
                caller.recv(65536)
                for part in answer:
                    try:
                        caller.sendall(part)
                    except OSError:
                        break
                    over.wait(pause)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
    finally:
        over.set()
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"", (None, "connection_closed")),
        (b"HTTP/1.1 20", (None, "connection_closed")),
        (b"SSH-2.0-x\r\n", (None, "answer_invalid")),
        (b"HTTP/1.1 999 x\r\n", (None, "answer_invalid")),
        (b"HTTP/1.1 abc\r\n", (None, "answer_invalid")),
        (b"x" * 40_000, (None, "answer_invalid")),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 N\r\n\r\n", (204, "")),
        (b"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 410 Gone\r\n\r\n", (410, "status")),
        (b"HTTP/1.0 200\r\n\r\n" + b"y" * 200_000, (200, "")),
    ],
)
def test_whatever_a_server_says_is_an_outcome(
    local_allowed: None, answer: bytes, expected: tuple[int | None, str]
) -> None:
    with talking(answer) as url:
        assert told(send(url, seconds=3.0)) == expected


def test_a_server_that_drips_is_left_in_time(local_allowed: None) -> None:
    drip = [b"H"] * 200
    with talking(*drip, pause=0.05) as url:
        started = time.monotonic()
        outcome = send(url, seconds=0.4)
    assert told(outcome) == (None, "timeout")
    assert time.monotonic() - started < 6.0  # to its end it takes ten
    assert 350 <= outcome.duration_ms < 5_000


def test_a_connection_that_stays_open_is_not_counted_as_slow(local_allowed: None) -> None:
    with talking(b"HTTP/1.1 204 No Content\r\n\r\n", pause=3.0) as url:
        outcome = send(url)
    assert told(outcome) == (204, "")
    assert outcome.duration_ms < 500


def test_a_closed_port_is_refused(local_allowed: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert told(send(f"http://127.0.0.1:{port}/")) == (None, "connection_refused")


@contextmanager
def secure_server(folder: Path, name: str) -> Iterator[tuple[int, list[object], ssl.SSLContext]]:
    """A TLS server with a certificate of its own for ``name``; what it was asked for as SNI."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    file = folder / "server.pem"
    file.write_bytes(
        pem
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    asked: list[object] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    context.sni_callback = lambda _socket, wanted, _context: asked.append(wanted)
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        caller, _ = server.accept()
        try:
            with context.wrap_socket(caller, server_side=True) as secured:
                asked.append(secured.recv(65536))
                secured.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        except OSError:
            caller.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        trusting = ssl.create_default_context(cadata=pem.decode())
        yield server.getsockname()[1], asked, trusting
    finally:
        thread.join()
        server.close()


def test_tls_proves_the_name_though_the_address_is_connected_to(
    local_allowed: None, tmp_path: Path
) -> None:
    with secure_server(tmp_path, "hooks.example.com") as (port, asked, trusting):
        outcome = send(
            f"https://hooks.example.com:{port}/x",
            resolver=lambda *_: ["127.0.0.1"],
            context=trusting,
        )

    assert told(outcome) == (200, "")
    assert asked[0] == "hooks.example.com"
    assert b"Host: hooks.example.com:" in asked[1]  # type: ignore[operator] # the request's bytes


@pytest.mark.parametrize("case", ["untrusted", "other name"])
def test_a_certificate_that_proves_nothing_gets_nothing(
    local_allowed: None, tmp_path: Path, case: str
) -> None:
    with secure_server(tmp_path, "hooks.example.com") as (port, asked, trusting):
        outcome = send(
            f"https://{'hooks' if case == 'untrusted' else 'other'}.example.com:{port}/x",
            resolver=lambda *_: ["127.0.0.1"],
            context=None if case == "untrusted" else trusting,
        )

    assert told(outcome) == (None, "certificate_invalid")
    assert len(asked) == 1
