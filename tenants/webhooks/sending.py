"""One attempt: a POST to an address that was resolved once, checked, and connected to as checked.

Nothing is followed and nothing of the answer is kept but its status: a response body could be what
an internal service says.
"""

import functools
import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tenants.webhooks.addresses import Target, address_allowed, resolve, url_read
from tenants.webhooks.errors import WebhookUrlInvalid

TIMEOUT: Final = 15.0
"""Seconds for connecting, sending and the answer's first line, all together."""
_HEAD_LIMIT: Final = 32 * 1024
_DRAIN_LIMIT: Final = 64 * 1024
_DRAIN_SECONDS: Final = 1.0
_GOOD: Final = range(200, 300)
_FIRST_ANSWER: Final = 200

Resolver = Callable[[str, int], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt. ``error`` is a word, empty when it was delivered."""

    status: int | None
    error: str
    duration_ms: int


class _Failed(Exception):
    """The attempt failed; its text is the word for it."""


def attempt(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    resolver: Resolver = resolve,
    context: ssl.SSLContext | None = None,
    seconds: float = TIMEOUT,
) -> Outcome:
    """Send once. Never raises: every fault is an outcome."""
    started = time.monotonic()
    status: int | None = None
    ended: float | None = None
    try:
        status, ended = _post(url, body, headers, resolver, context, started + seconds)
        error = "" if status in _GOOD else _word(status)
    except _Failed as failure:
        error = str(failure)
    except WebhookUrlInvalid:
        error = "url_refused"
    except TimeoutError:
        error = "timeout"
    except ssl.SSLCertVerificationError:
        error = "certificate_invalid"
    except ssl.SSLError:
        error = "tls_failed"
    except ConnectionRefusedError:
        error = "connection_refused"
    except (OSError, ValueError):
        error = "connection_failed"
    return Outcome(status, error, int(((ended or time.monotonic()) - started) * 1000))


def _word(status: int) -> str:
    return "redirect" if status in range(300, 400) else "status"


def _post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    resolver: Resolver,
    context: ssl.SSLContext | None,
    deadline: float,
) -> tuple[int, float]:
    """Return the status, and when it had come."""
    target = url_read(url)
    addresses = _checked(target, resolver)
    with _connected(target, addresses, context, deadline) as connection:
        connection.settimeout(_left(deadline))
        connection.sendall(_request(target, body, headers))
        answered = _status(connection, deadline), time.monotonic()
        _drain(connection, min(deadline, time.monotonic() + _DRAIN_SECONDS))
        return answered


def _checked(target: Target, resolver: Resolver) -> Sequence[str]:
    """Resolve once. One address that is not allowed refuses them all: which of them is connected to
    is not for the name's owner to choose.
    """
    try:
        addresses = resolver(target.host, target.port)
    except (OSError, UnicodeError):
        raise _Failed("name_unknown") from None
    if not addresses:
        raise _Failed("name_unknown")
    if not all(address_allowed(address) for address in addresses):
        raise _Failed("address_refused")
    return addresses


def _connected(
    target: Target, addresses: Sequence[str], context: ssl.SSLContext | None, deadline: float
) -> socket.socket:
    """Connect to the first address that answers; the name is asked for nothing more but TLS."""
    fault: OSError = ConnectionRefusedError()
    for number, address in enumerate(addresses):
        # One silent address must not use up the time of the others.
        share = _left(deadline) / (len(addresses) - number)
        try:
            plain = socket.create_connection((address, target.port), timeout=share)
        except OSError as error:
            fault = error
            continue
        if not target.secure:
            return plain
        try:
            plain.settimeout(_left(deadline))
            return (context or _context()).wrap_socket(plain, server_hostname=target.host)
        except BaseException:
            plain.close()
            raise
    raise fault


@functools.cache
def _context() -> ssl.SSLContext:
    """What the machine trusts (SSL_CERT_FILE adds to it); reading it takes milliseconds."""
    return ssl.create_default_context()


def _request(target: Target, body: bytes, headers: Mapping[str, str]) -> bytes:
    lines = [
        f"POST {target.path} HTTP/1.1",
        f"Host: {target.host_header}",
        "User-Agent: Anneal-Webhooks/1",
        "Accept: */*",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


def _status(connection: socket.socket, deadline: float) -> int:
    """Read up to the first status that is an answer; those of the hundreds only precede one."""
    received = b""
    while len(received) <= _HEAD_LIMIT:
        line, ended, _ = received.partition(b"\r\n")
        status = _parsed(line) if ended else 0
        if status >= _FIRST_ANSWER:
            return status
        if status and b"\r\n\r\n" in received:
            received = received.partition(b"\r\n\r\n")[2]
            continue
        connection.settimeout(_left(deadline))
        more = connection.recv(4096)
        if not more:
            raise _Failed("connection_closed")
        received += more
    raise _Failed("answer_invalid")


def _parsed(line: bytes) -> int:
    version, _, rest = line.partition(b" ")
    code = rest[:3]
    if not version.startswith(b"HTTP/1.") or not re.fullmatch(rb"[1-5][0-9]{2}", code):
        raise _Failed("answer_invalid")
    return int(code)


def _drain(connection: socket.socket, deadline: float) -> None:
    """Let a short answer end, so that its sender sees no broken pipe; a long one is cut off."""
    received = 0
    try:
        while received < _DRAIN_LIMIT:
            connection.settimeout(_left(deadline))
            more = connection.recv(16 * 1024)
            if not more:
                return
            received += len(more)
    except OSError:
        return


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
