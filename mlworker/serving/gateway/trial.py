"""The anonymous trial's limits: by address and by browser, counted atomically in Redis."""

import hashlib
import ipaddress
import re
import secrets
from http.cookies import CookieError, SimpleCookie
from typing import Final

import redis.asyncio
from django.conf import settings
from django.core import signing

from anneal.kernel.errors import Unavailable
from mlworker.serving.errors import TrialLimited
from mlworker.serving.gateway.broker import BROKER_ERRORS
from mlworker.serving.gateway.http import Headers, Scope, header

COOKIE: Final = "anneal_trial"
WINDOW_SECONDS: Final = 3600
CALLS_PER_BROWSER: Final = 40
CALLS_PER_ADDRESS: Final = 120
"""More than a browser's, since a school or an office shares one address."""
_COOKIE_SECONDS: Final = 30 * 24 * 3600
_SALT: Final = "mlworker.serving.trial"
_PORT: Final = re.compile(r"^\[?([0-9.]+(?=:\d+$)|[0-9a-fA-F:.]+(?=\]))\]?(:\d+)?$")
"""Of an address as some proxies tell it: `192.0.2.1:4711`, `[2001:db8::1]:4711`."""

COUNT: Final = """
for index, key in ipairs(KEYS) do
  local used = tonumber(redis.call('GET', key) or '0')
  if used >= tonumber(ARGV[index]) then
    return math.max(redis.call('TTL', key), 1)
  end
end
for _, key in ipairs(KEYS) do
  if redis.call('INCR', key) == 1 then redis.call('EXPIRE', key, ARGV[#ARGV]) end
end
return 0
"""
"""Counts one call under every key, or none: returns seconds to wait when one key is used up."""


async def admit(client: redis.asyncio.Redis, scope: Scope) -> Headers:
    """Count the call; return the cookie header to set. Raises TrialLimited, Unavailable."""
    browser, headers = _browser(scope)
    keys = [f"trial:address:{_digest(_address(scope))}", f"trial:browser:{browser}"]
    limits = [CALLS_PER_ADDRESS, CALLS_PER_BROWSER, WINDOW_SECONDS]
    try:
        wait = await client.eval(COUNT, len(keys), *keys, *limits)
    except BROKER_ERRORS:
        raise Unavailable(retry_after=2) from None
    if int(wait):
        raise TrialLimited(retry_after=int(wait))
    return headers


def _browser(scope: Scope) -> tuple[str, Headers]:
    """Return the browser's random name; a missing or forged cookie gets a new one."""
    given = header(scope, b"cookie")
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load((given or b"").decode("latin-1"))
        if COOKIE in jar:
            return str(signing.loads(jar[COOKIE].value, salt=_SALT, max_age=_COOKIE_SECONDS)), []
    except (CookieError, signing.BadSignature):
        pass
    name = secrets.token_hex(12)
    value = signing.dumps(name, salt=_SALT)
    secure = "; Secure" if settings.SESSION_COOKIE_SECURE else ""
    cookie = f"{COOKIE}={value}; Path=/v1/trial; Max-Age={_COOKIE_SECONDS}; HttpOnly; SameSite=Lax"
    return name, [(b"set-cookie", (cookie + secure).encode())]


def _address(scope: Scope) -> str:
    """Return the client's network: behind N trusted proxies the Nth entry from the right."""
    client = scope.get("client")
    address = client[0] if client else ""
    proxies = int(getattr(settings, "ALLAUTH_TRUSTED_PROXY_COUNT", 0))
    # Some proxies add a line of their own behind the caller's: all of them are one list.
    lines = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    if proxies and lines:
        chain = [part.strip() for part in b",".join(lines).decode("latin-1").split(",")]
        address = chain[-min(proxies, len(chain))]
    return _network(address)


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(_PORT.sub(r"\1", address))
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:  # told by a server that listens to both
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))  # a home has a whole /64


def _digest(text: str) -> str:
    """Addresses are personal data, so only a keyed digest of one is kept."""
    return hashlib.blake2b(text.encode(), key=settings.SECRET_KEY.encode()[:64]).hexdigest()[:24]
