"""The anonymous trial's limits, on a real Redis."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from anneal.kernel.redis import redis_async
from mlworker.serving.errors import TrialLimited
from mlworker.serving.gateway import trial


def scope(
    address: str, cookie: str | None = None, forwarded: str | tuple[str, ...] = ()
) -> dict[str, Any]:
    headers = []
    if cookie is not None:
        headers.append((b"cookie", cookie.encode()))
    lines = (forwarded,) if isinstance(forwarded, str) else forwarded
    headers += [(b"x-forwarded-for", line.encode()) for line in lines]
    return {"headers": headers, "client": (address, 1)}


def calls(*scopes: dict[str, Any]) -> list[str]:
    """Admit calls at once; per call the cookie it was given, or `limited`."""

    async def one(client: Any, each: dict[str, Any]) -> str:
        try:
            headers = await trial.admit(client, each)
        except TrialLimited as error:
            soon = 0 < (error.retry_after or 0) <= trial.WINDOW_SECONDS
            return "limited" if error.status == 429 and soon else "wrongly limited"
        return headers[0][1].decode().split(";")[0] if headers else "admitted"

    async def play() -> list[str]:
        client = redis_async()
        gate = asyncio.Semaphore(16)

        async def gated(each: dict[str, Any]) -> str:
            async with gate:
                return await one(client, each)

        try:
            return await asyncio.gather(*map(gated, scopes))
        finally:
            await client.aclose()

    return asyncio.run(play())


@pytest.fixture
def address() -> str:
    return f"test-{uuid4().hex[:8]}"


def test_a_browser_has_its_own_limit_whatever_its_address(address: str) -> None:
    [cookie] = calls(scope(address))

    told = calls(*(scope(f"{address}-{n}", cookie) for n in range(60)))

    # The call that brought the cookie counted too.
    assert told.count("admitted") == trial.CALLS_PER_BROWSER - 1
    assert told.count("limited") == 60 - (trial.CALLS_PER_BROWSER - 1)


def test_an_address_is_limited_even_without_cookies(address: str) -> None:
    told = calls(*(scope(address) for _ in range(trial.CALLS_PER_ADDRESS + 30)))

    assert told.count("limited") == 30


def test_a_forged_cookie_is_replaced(address: str) -> None:
    [told] = calls(scope(address, f"{trial.COOKIE}=forged"))

    assert told.startswith(f"{trial.COOKIE}=")
    assert told != f"{trial.COOKIE}=forged"


def test_a_forwarded_address_counts_behind_a_trusted_proxy_only(
    address: str, settings: Any
) -> None:
    spread = [scope(address, forwarded=f"{n}, 10.0.0.{n % 250}") for n in range(125)]
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 0
    untrusted = calls(*spread)
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    trusted = calls(*(scope(address, forwarded=f"1.1.1.1, {address}-{n}") for n in range(125)))

    assert untrusted.count("limited") == 5
    assert trusted.count("limited") == 0


def test_an_ipv6_home_counts_as_one() -> None:
    home = f"2001:db8:{uuid4().hex[:4]}:7::"

    told = calls(*(scope(f"{home}{n:x}") for n in range(1, trial.CALLS_PER_ADDRESS + 11)))

    assert told.count("limited") == 10


def test_what_a_caller_says_of_itself_in_a_line_of_its_own_counts_for_nothing(
    address: str, settings: Any
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1

    # The proxy's line comes behind the caller's, as HAProxy adds it.
    told = calls(*(scope("10.0.0.1", forwarded=(f"1.1.1.{n}", address)) for n in range(125)))

    assert told.count("limited") == 5


def test_a_client_behind_a_proxy_that_tells_ports_counts_as_one(settings: Any) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    home = f"2001:db8:{uuid4().hex[:4]}:8::1"
    plain = f"198.18.{uuid4().bytes[0]}.{uuid4().bytes[0]}"

    told = calls(*(scope("10.0.0.1", forwarded=f"[{home}]:{n}") for n in range(1, 126)))
    old = calls(*(scope("10.0.0.1", forwarded=f"{plain}:{n}") for n in range(1, 126)))

    assert (told.count("limited"), old.count("limited")) == (5, 5)


def test_callers_by_ipv4_do_not_share_a_limit_where_the_server_listens_to_both() -> None:
    places = uuid4().bytes

    told = calls(*(scope(f"::ffff:198.{places[0]}.{places[1]}.{n}") for n in range(125)))

    assert told.count("limited") == 0
