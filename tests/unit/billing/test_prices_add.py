"""Adding meters and prices: what cannot be charged is refused in words, and nothing is written."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from anneal.kernel import clock
from anneal.kernel.errors import DomainError
from anneal.kernel.models import AuditEvent
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import system_scope
from billing.prices.contracts import PriceInfo, PriceModel, PriceTerms, Tier
from billing.prices.errors import PriceInvalid
from billing.prices.models import Meter, Price
from billing.prices.services import meter_add, price_add

pytestmark = pytest.mark.django_db

D = Decimal
SOON = datetime(2030, 1, 1, tzinfo=UTC)


def add(terms: PriceTerms, **more: Any) -> PriceInfo:
    late = terms.model in {PriceModel.VOLUME, PriceModel.PERCENTAGE}
    meter = "abstention" if late else "prediction"  # which no hold pays for
    wanted = {"meter": meter, "effective_at": SOON} | more
    with system_scope("test"):
        return price_add(actor=SYSTEM_ACTOR, terms=terms, **wanted)


def tiered(*tiers: tuple[Any, Any, Any]) -> PriceTerms:
    return PriceTerms(model=PriceModel.GRADUATED, tiers=tuple(Tier(*one) for one in tiers))


PER_UNIT = PriceTerms(unit_amount=D("0.000000000001"))
GOOD = [
    PER_UNIT,
    PriceTerms(unit_amount=D(0)),
    tiered((D(10), D("0.0001"), D("1.50")), (None, D(0), D(0))),
    PriceTerms(
        model=PriceModel.VOLUME, tiers=(Tier(D(5), D(1)), Tier(None, D(2))), minimum=D("9.99")
    ),
    PriceTerms(model=PriceModel.PACKAGE, package_units=D(1000), package_amount=D("2.49")),
    PriceTerms(model=PriceModel.PERCENTAGE, percent=D("2.5")),
]


@pytest.mark.parametrize("terms", GOOD, ids=lambda terms: terms.model.value)
def test_a_price_is_kept_as_it_was_given(terms: PriceTerms) -> None:
    made = add(terms)

    kept = (made.terms.model, made.terms.tiers, made.terms.package_units, made.terms.percent)
    assert kept == (terms.model, terms.tiers, terms.package_units, terms.percent)
    version = 1 if made.meter == "abstention" else 2
    assert (made.terms.minimum, made.version, made.effective_at) == (terms.minimum, version, SOON)


@pytest.mark.parametrize("meter", ["prediction", "trained_token", "storage_gb_hour"])
@pytest.mark.parametrize("terms", [GOOD[3], GOOD[5]], ids=["volume", "percentage"])
def test_what_is_paid_before_use_has_no_price_that_is_known_only_afterwards(
    terms: PriceTerms, meter: str
) -> None:
    with pytest.raises(PriceInvalid, match="price it per_unit, graduated or package"):
        add(terms, meter=meter)


def test_what_the_first_unit_costs_stands_in_every_price() -> None:
    amounts = [add(terms, match={"task": f"t{n}"}).unit_amount for n, terms in enumerate(GOOD)]

    assert amounts == [D("1E-12"), D(0), D("0.0001"), D(1), D("0.00249"), D("0.025")]


NO_NUMBERS: list[Any] = [D(-1), D("NaN"), D("Infinity"), D(10) ** 30, D("1E-13"), 0.1, "a", None]


@pytest.mark.parametrize("bad", NO_NUMBERS, ids=str)
@pytest.mark.parametrize(
    "make",
    [
        lambda bad: PriceTerms(unit_amount=bad),
        lambda bad: tiered((D(1), bad, D(0)), (None, D(1), D(0))),
        lambda bad: tiered((D(1), D(1), bad), (None, D(1), D(0))),
        lambda bad: PriceTerms(model=PriceModel.PACKAGE, package_units=bad, package_amount=D(1)),
        lambda bad: PriceTerms(model=PriceModel.PACKAGE, package_units=D(1), package_amount=bad),
        lambda bad: PriceTerms(model=PriceModel.PERCENTAGE, percent=bad),
        lambda bad: PriceTerms(unit_amount=D(1), minimum=bad if bad is not None else D(0)),
    ],
)
def test_what_is_no_amount_is_refused(make: Any, bad: Any) -> None:
    _refused("price_invalid", make(bad))


@pytest.mark.parametrize(
    ("code", "terms", "more"),
    [
        ("price_invalid", PriceTerms(model=PriceModel.PERCENTAGE, percent=D(101)), {}),
        ("price_invalid", PriceTerms(unit_amount=D(1), percent=D(1)), {}),
        ("price_invalid", PriceTerms(model="auction"), {}),  # type: ignore[arg-type] # on purpose
        ("price_invalid", PER_UNIT, {"effective_at": datetime(2024, 1, 1, tzinfo=UTC)}),
        ("price_invalid", PER_UNIT, {"plan": "Gold plan"}),
        ("tiers_invalid", tiered(), {}),
        ("tiers_invalid", tiered((D(10), D(1), D(0))), {}),
        ("tiers_invalid", tiered((None, D(1), D(0)), (None, D(1), D(0))), {}),
        ("tiers_invalid", tiered((D(10), D(1), D(0)), (D(10), D(1), D(0)), (None, D(1), D(0))), {}),
        ("tiers_invalid", tiered((D(10), D(1), D(0)), (D(5), D(1), D(0)), (None, D(1), D(0))), {}),
        ("currency_unknown", PER_UNIT, {"currency": "usd"}),
        ("currency_unknown", PER_UNIT, {"currency": "XXX"}),
        ("currency_decimals", PriceTerms(minimum=D("1.234")), {}),
        ("currency_decimals", PriceTerms(minimum=D("1.5")), {"currency": "JPY"}),
        ("currency_decimals", PriceTerms(minimum=D("1.2345")), {"currency": "KWD"}),
        ("currency_decimals", tiered((None, D(1), D("0.001"))), {}),
        (
            "currency_decimals",
            PriceTerms(model=PriceModel.PACKAGE, package_units=D(1000), package_amount=D("0.001")),
            {},
        ),
        ("match_invalid", PER_UNIT, {"match": {"colour": "red"}}),
        ("match_invalid", PER_UNIT, {"match": {"channel": "phone"}}),
        ("match_invalid", PER_UNIT, {"match": {"task": ""}}),
        ("meter_unknown", PER_UNIT, {"meter": "bananas"}),
    ],
)
def test_terms_nobody_can_charge_are_refused(
    code: str, terms: PriceTerms, more: dict[str, Any]
) -> None:
    _refused(code, terms, **more)


def _refused(code: str, terms: PriceTerms, **more: Any) -> None:
    before = Price.objects.count()
    with pytest.raises(DomainError) as raised:
        add(terms, **more)
    assert raised.value.code == code
    assert len(raised.value.text) > 20
    assert Price.objects.count() == before


def test_a_price_that_overlaps_another_is_refused() -> None:
    add(PER_UNIT, match={"task": "a", "channel": "batch"})

    _refused("price_overlaps", PER_UNIT, match={"channel": "batch", "task": "a"})
    # Anything that tells them apart makes them two prices.
    add(PER_UNIT, match={"task": "a"})
    add(PER_UNIT, match={"task": "a", "channel": "batch"}, plan="gold")
    add(PER_UNIT, match={"task": "a", "channel": "batch"}, currency="EUR")
    later = add(
        PER_UNIT,
        match={"task": "a", "channel": "batch"},
        effective_at=datetime(2031, 1, 1, tzinfo=UTC),
    )
    assert later.version == 2


@pytest.mark.parametrize(
    "values",
    [
        {"model": "graduated", "tiers": [{"up_to": "1", "unit_amount": "1", "flat_amount": "0"}]},
        {"model": "graduated", "tiers": []},
        {"model": "volume", "tiers": [{"up_to": None, "unit_amount": "-1", "flat_amount": "0"}]},
        {"model": "volume", "tiers": [{"up_to": None, "unit_amount": "NaN", "flat_amount": "0"}]},
        {"model": "package"},
        {"model": "package", "package_units": 0, "package_amount": 1},
        {"model": "percentage", "percent": 101},
        {"model": "auction"},
        {"unit_amount": -1},
        {"unit_amount": D(10) ** 16},
        {"minimum": 0},
        {"match": {"colour": "red"}},
        {"match": []},
    ],
    ids=str,
)
def test_r43_the_table_refuses_what_the_service_refuses(values: dict[str, Any]) -> None:
    row = {"unit_amount": 1, "version": 9, "currency": "USD", "effective_at": SOON} | values
    with system_scope("test"), pytest.raises(IntegrityError), transaction.atomic():
        Price.objects.create(meter=Meter.objects.get(code="prediction"), **row)


def test_a_price_and_a_meter_leave_audit_rows() -> None:
    names = {"name_en": "Pages", "name_zh": "页", "unit_en": "page", "unit_zh": "页"}
    with system_scope("test"):
        meter_add(actor=SYSTEM_ACTOR, code="page", **names)
        price_add(actor=SYSTEM_ACTOR, meter="page", terms=PriceTerms(unit_amount=D("0.01")))
        rows = list(AuditEvent.objects.filter(action__in=["meter.add", "price.add"]).order_by("id"))

    assert [row.action for row in rows] == ["meter.add", "price.add"]
    assert rows[1].detail["unit_amount"] == "0.01"


def test_a_price_begins_now_when_nothing_else_is_said() -> None:
    moment = datetime(2029, 5, 1, tzinfo=UTC)
    with clock.frozen(moment):
        made = add(PER_UNIT, effective_at=None)

    assert made.effective_at == moment


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"code": "prediction"}, "meter_taken"),
        ({"code": "A"}, "meter_invalid"),
        ({"code": "9lives"}, "meter_invalid"),
        ({"code": "USD"}, "meter_invalid"),
        ({"name_zh": " "}, "invalid_request"),
    ],
)
def test_a_meter_needs_a_code_of_its_own_and_names(changes: dict[str, str], code: str) -> None:
    wanted = {"code": "page", "name_en": "P", "name_zh": "页", "unit_en": "p", "unit_zh": "页"}
    before = Meter.objects.count()
    with system_scope("test"), pytest.raises(DomainError) as raised:
        meter_add(actor=SYSTEM_ACTOR, **(wanted | changes))
    assert raised.value.code == code
    assert Meter.objects.count() == before
