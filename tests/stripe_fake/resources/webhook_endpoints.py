"""Webhook endpoints: where events go, and the secret that signs them there."""

from tests.stripe_fake.account import Account, Object
from tests.stripe_fake.errors import InvalidParameter
from tests.stripe_fake.pages import page
from tests.stripe_fake.routing import PAGE, Call, route

SECRET = "secret"


@route("POST", "/v1/webhook_endpoints", "url enabled_events description metadata")
def create(account: Account, call: Call) -> Object:
    """Add an endpoint; this answer alone holds its secret."""
    params = call.params
    return new_endpoint(
        account,
        url=params.need("url"),
        enabled_events=params.texts("enabled_events") or [],
        description=params.text("description"),
        metadata=params.metadata(),
    )


@route("GET", "/v1/webhook_endpoints", PAGE)
def list_all(account: Account, call: Call) -> Object:
    """List endpoints."""
    return page(call, [_public(each) for each in account.all("webhook_endpoint")])


@route("GET", "/v1/webhook_endpoints/{webhook_endpoint}")
def retrieve(account: Account, call: Call) -> Object:
    """Retrieve an endpoint."""
    return _public(_found(account, call))


@route(
    "POST",
    "/v1/webhook_endpoints/{webhook_endpoint}",
    "url enabled_events description metadata disabled",
)
def update(account: Account, call: Call) -> Object:
    """Change an endpoint, or switch it off."""
    endpoint, params = _found(account, call), call.params
    disabled = params.boolean("disabled")
    if disabled is not None:
        account.change(endpoint, status="disabled" if disabled else "enabled")
    account.change(
        endpoint,
        url=params.text("url") or endpoint["url"],
        enabled_events=params.texts("enabled_events") or endpoint["enabled_events"],
        description=params.text("description") or endpoint["description"],
        metadata=params.metadata(endpoint["metadata"]),
    )
    return _public(endpoint)


@route("DELETE", "/v1/webhook_endpoints/{webhook_endpoint}")
def delete(account: Account, call: Call) -> Object:
    """Take an endpoint away."""
    endpoint = _found(account, call)
    left = {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}
    account.remove(endpoint)
    return left


def new_endpoint(
    account: Account,
    *,
    url: str,
    enabled_events: list[str],
    description: str | None = None,
    metadata: dict[str, str] | None = None,
) -> Object:
    """An endpoint that gets events from now on."""
    if not enabled_events:
        raise InvalidParameter(
            "You must select at least one event to be sent.", param="enabled_events"
        )
    return account.add(
        {
            "id": account.new_id("we"),
            "object": "webhook_endpoint",
            "api_version": None,
            "application": None,
            "created": account.clock.seconds,
            "description": description,
            "enabled_events": enabled_events,
            "livemode": False,
            "metadata": metadata or {},
            SECRET: account.new_id("whsec", 32),
            "status": "enabled",
            "url": url,
        }
    )


def _found(account: Account, call: Call) -> Object:
    return account.find("webhook_endpoint", call.ids["webhook_endpoint"])


def _public(endpoint: Object) -> Object:
    return {name: value for name, value in endpoint.items() if name != SECRET}
