"""Payment methods: saved cards and bank accounts."""

from tests.stripe_fake.account import Account, Object, owned
from tests.stripe_fake.errors import InvalidRequest
from tests.stripe_fake.methods import attach, detach, usable
from tests.stripe_fake.pages import page
from tests.stripe_fake.routing import PAGE, Call, route


@route("GET", "/v1/payment_methods", f"{PAGE} customer type")
def list_all(account: Account, call: Call) -> Object:
    """List the payment methods of a customer."""
    return page(call, _of_customer(account, call, call.params.need("customer"), status=400))


@route("GET", "/v1/customers/{customer}/payment_methods", f"{PAGE} type")
def list_of_customer(account: Account, call: Call) -> Object:
    """List the payment methods of the customer in the path."""
    return page(call, _of_customer(account, call, call.ids["customer"], status=404))


@route("GET", "/v1/customers/{customer}/payment_methods/{payment_method}")
def retrieve_of_customer(account: Account, call: Call) -> Object:
    """Retrieve a payment method, if it is this customer's."""
    method = account.find("payment_method", call.ids["payment_method"], param="payment_method")
    if method["customer"] != call.ids["customer"]:
        raise InvalidRequest(
            "The customer does not have a payment method with the ID "
            f"{method['id']}. The payment method must be attached to the customer.",
            status=404,
            code="resource_missing",
            param="payment_method",
        )
    return method


@route("GET", "/v1/payment_methods/{payment_method}")
def retrieve(account: Account, call: Call) -> Object:
    """Retrieve a payment method."""
    return account.find("payment_method", call.ids["payment_method"], param="payment_method")


@route("POST", "/v1/payment_methods/{payment_method}", "allow_redisplay billing_details metadata")
def update(account: Account, call: Call) -> Object:
    """Change what is written beside a payment method."""
    params = call.params
    method = account.find("payment_method", call.ids["payment_method"], param="payment_method")
    details = params.inside("billing_details", "email name phone")
    texts = {name: details.text(name) for name in ("email", "name", "phone") if name in details}
    before = account.change(
        method,
        allow_redisplay=params.text("allow_redisplay") or method["allow_redisplay"],
        billing_details=method["billing_details"] | texts,
        metadata=params.metadata(method["metadata"]),
    )
    if before:
        account.emit("payment_method.updated", method, before)
    return method


@route("POST", "/v1/payment_methods/{payment_method}/attach", "customer")
def attach_call(account: Account, call: Call) -> Object:
    """Save a payment method for a customer."""
    customer = account.find("customer", call.params.need("customer"), param="customer", status=400)
    method = usable(account, call.ids["payment_method"], param="payment_method", status=404)
    return attach(account, method, customer["id"])


@route("POST", "/v1/payment_methods/{payment_method}/detach")
def detach_call(account: Account, call: Call) -> Object:
    """Take a payment method from its customer, for ever."""
    method = account.find("payment_method", call.ids["payment_method"], param="payment_method")
    if method["customer"] is None:
        raise InvalidRequest(
            "The payment method you provided is not attached to a customer so detachment is "
            "impossible."
        )
    return detach(account, method)


def _of_customer(account: Account, call: Call, customer: str, *, status: int) -> list[Object]:
    account.find("customer", customer, param="customer", status=status)
    kind = call.params.text("type")
    return owned(account.all("payment_method"), customer=customer, type=kind)
