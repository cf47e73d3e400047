"""Choosing a port: every way to be refused names what to do."""

import socket

import pytest

from anneal.local.console import Stop
from anneal.local.up import port_choose


def test_zero_finds_a_port_that_can_be_had() -> None:
    port = port_choose("127.0.0.1", 0)

    assert port_choose("127.0.0.1", port) == port


def test_a_taken_port_names_the_next() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Stop, match=f"Port {port} on 127.0.0.1 is taken.*--port {port + 1}"):
            port_choose("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "port", "sentence"),
    [
        ("203.0.113.1", 8000, "no address of this machine"),
        ("no such host", 8000, "no address of this machine"),
        ("127.0.0.1", 70000, "from 1 to 65535"),
    ],
)
def test_what_cannot_be_listened_on_is_refused(host: str, port: int, sentence: str) -> None:
    with pytest.raises(Stop, match=sentence):
        port_choose(host, port)
