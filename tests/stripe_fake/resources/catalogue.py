"""Products and one-time prices, as far as Checkout needs them."""

from typing import Any

from tests.stripe_fake.account import Account, Object, owned
from tests.stripe_fake.errors import InvalidRequest
from tests.stripe_fake.forms import Params
from tests.stripe_fake.money import currency_checked
from tests.stripe_fake.pages import page
from tests.stripe_fake.routing import PAGE, Call, route


@route("POST", "/v1/products", "id name description metadata active")
def create_product(account: Account, call: Call) -> Object:
    """Create a product, under an id of our own if one is given."""
    product = new_product(account, call.params)
    if account.get("product", product["id"]):
        raise InvalidRequest("Product already exists.", code="resource_already_exists", param="id")
    account.emit("product.created", account.add(product))
    return product


@route("GET", "/v1/products", f"{PAGE} created active")
def list_products(account: Account, call: Call) -> Object:
    """List products."""
    return page(call, _active(account.all("product"), call.params))


@route("GET", "/v1/products/{id}")
def retrieve_product(account: Account, call: Call) -> Object:
    """Retrieve a product."""
    return account.find("product", call.ids["id"])


@route("POST", "/v1/products/{id}", "name description metadata active")
def update_product(account: Account, call: Call) -> Object:
    """Change a product."""
    product, params = account.find("product", call.ids["id"]), call.params
    changes: dict[str, Any] = {
        name: params.text(name) for name in ("name", "description") if name in params
    }
    if "active" in params:
        changes["active"] = params.boolean("active")
    metadata = params.metadata(product["metadata"])
    before = account.change(product, **changes, metadata=metadata, updated=account.clock.seconds)
    account.emit("product.updated", product, before)
    return product


@route("POST", "/v1/prices", "currency unit_amount product product_data metadata lookup_key")
def create_price(account: Account, call: Call) -> Object:
    """Create a price that is paid once."""
    price = account.add(new_price(account, call.params))
    account.emit("price.created", price)
    return price


@route("GET", "/v1/prices", f"{PAGE} created active product")
def list_prices(account: Account, call: Call) -> Object:
    """List prices."""
    prices = owned(account.all("price"), product=call.params.text("product"))
    return page(call, _active(prices, call.params))


@route("GET", "/v1/prices/{price}")
def retrieve_price(account: Account, call: Call) -> Object:
    """Retrieve a price."""
    return account.find("price", call.ids["price"], param="price")


def new_product(account: Account, params: Params) -> Object:
    """A product from `id`, `name` and what else is given."""
    now = account.clock.seconds
    return {
        "id": params.text("id") or account.new_id("prod", 14),
        "object": "product",
        "active": params.boolean("active") is not False,
        "created": now,
        "default_price": None,
        "description": params.text("description"),
        # `features` became `marketing_features`; the older description still asks for it.
        "features": [],
        "images": [],
        "livemode": False,
        "marketing_features": [],
        "metadata": params.metadata(),
        "name": params.need("name"),
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "type": "service",
        "unit_label": None,
        "updated": now,
        "url": None,
    }


def new_price(account: Account, params: Params) -> Object:
    """A price from `currency`, `unit_amount` and a product, which may be made here."""
    amount = params.need_integer("unit_amount")
    return {
        "id": account.new_id("price"),
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "created": account.clock.seconds,
        "currency": currency_checked(params.need("currency"), param=params.name("currency")),
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": params.text("lookup_key"),
        "metadata": params.metadata(),
        "nickname": None,
        "product": _product(account, params)["id"],
        "recurring": None,
        "tax_behavior": "unspecified",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "one_time",
        "unit_amount": amount,
        "unit_amount_decimal": str(amount),
    }


def _product(account: Account, params: Params) -> Object:
    if "product_data" in params:
        return account.add(
            new_product(account, params.inside("product_data", "name description metadata"))
        )
    name = params.name("product")
    return account.find("product", params.need("product"), param=name, status=400)


def _active(things: list[Object], params: Params) -> list[Object]:
    active = params.boolean("active")
    return [each for each in things if active is None or each["active"] == active]
