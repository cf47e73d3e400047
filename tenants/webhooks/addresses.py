"""Where events may be sent: what a url may say, and which network addresses may be behind it.

A url is checked when it is saved, for its author's sake. What protects the operator's network is
the check of the very address that a connection then goes to (sending.py).
"""

import ipaddress
import re
import socket
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings

from tenants.webhooks.errors import WebhookUrlInvalid

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_VISIBLE: Final = re.compile(r"[!-~]+")
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?")
_NUMERIC: Final = re.compile(r"(0[xX][0-9a-fA-F]*|[0-9]+)(\.(0[xX][0-9a-fA-F]*|[0-9]+)){0,3}\.?")
_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_PORTS: Final = {"https": 443, "http": 80}
_MAX_HOST: Final = 253


@dataclass(frozen=True, slots=True)
class Target:
    """A url taken apart."""

    secure: bool
    host: str
    port: int
    path: str

    @property
    def host_header(self) -> str:
        """The Host header's value."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        usual = _PORTS["https" if self.secure else "http"]
        return name if self.port == usual else f"{name}:{self.port}"


def url_read(url: str) -> Target:
    """Take a url apart. Raises WebhookUrlInvalid, which says what is wrong with it."""
    if not _VISIBLE.fullmatch(url):
        raise _invalid("The url may hold no spaces and no characters beyond ASCII: encode them.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _invalid("The url cannot be read: write it as https://example.com/path.") from None
    scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
    if scheme != "https" and not (scheme == "http" and settings.ANNEAL_WEBHOOK_HTTP):
        raise _invalid("The url must begin with https://.")
    if parts.username is not None or parts.password is not None:
        raise _invalid("The url may hold no user name and no password: the signature proves us.")
    if parts.fragment or "#" in url:
        raise _invalid("The url may hold no '#': what follows it is never sent.")
    if port == 0:
        raise _invalid("The port must be from 1 to 65535.")
    _host_check(host)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(scheme == "https", host, port or _PORTS[scheme], path)


def address_allowed(text: str) -> bool:
    """Say whether a connection may go to this address: a public one, or one of a network that the
    operator has opened.
    """
    address = _embedded(ipaddress.ip_address(text.partition("%")[0]))
    if any(address in network for network in settings.ANNEAL_WEBHOOK_NETWORKS):
        return True
    if isinstance(address, ipaddress.IPv6Address) and address not in _UNICAST:
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses a name has now, in the system's order. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _host_check(host: str) -> None:
    literal = _literal(host)
    if literal is not None:
        if not address_allowed(str(literal)):
            raise _invalid("The url leads to a private network address: use a public one.")
        return
    if not _HOST.fullmatch(host) or len(host) > _MAX_HOST:
        raise _invalid("The url needs a host name such as example.com.")
    name = host.rstrip(".")
    here = name == "localhost" or name.endswith(".localhost")
    if here and not address_allowed("127.0.0.1"):
        raise _invalid("The url leads to this machine itself: use a public address.")


def _literal(host: str) -> Address | None:
    """Read an address, also in the spellings that only the C library knows (127.1, 0x7f000001)."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    if not _NUMERIC.fullmatch(host):
        return None
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host.rstrip(".")))
    except OSError:
        raise _invalid("The url needs a host name such as example.com.") from None


def _embedded(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one leads to, if it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None) or address


def _invalid(text: str) -> WebhookUrlInvalid:
    return WebhookUrlInvalid(text, param="url")
