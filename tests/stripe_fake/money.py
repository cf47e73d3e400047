"""What Stripe accepts as an amount, by currency (docs.stripe.com/currencies)."""

from tests.stripe_fake.errors import InvalidParameter, InvalidRequest

_ZERO_DECIMAL = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf"
_THREE_DECIMAL = "bhd jod kwd omr tnd"
_TWO_DECIMAL = (
    "usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd bwp byn bzd "
    "cad cdf chf cny cop crc cve czk dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd "
    "hnl htg huf idr ils inr isk jmd kes kgs khr kyd kzt lak lbp lkr lrd lsl mad mdl mkd mmk mnt "
    "mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd pab pen pgk php pkr pln qar ron rsd rub "
    "sar sbd scr sek sgd shp sle sos srd std szl thb tjs top try ttd twd tzs uah ugx uyu uzs wst "
    "xcd yer zar zmw"
)
ZERO_DECIMAL = frozenset(_ZERO_DECIMAL.split())
THREE_DECIMAL = frozenset(_THREE_DECIMAL.split())
WHOLE = frozenset({"isk", "ugx"})
"""Without decimals, but written with two: an amount of theirs ends in 00."""
CURRENCIES = ZERO_DECIMAL | THREE_DECIMAL | set(_TWO_DECIMAL.split())
SMALLEST = {
    **dict.fromkeys(["usd", "aud", "brl", "cad", "chf", "eur", "inr", "jpy", "nzd", "sgd"], 50),
    "aed": 200,
    "bgn": 100,
    "czk": 1500,
    "dkk": 250,
    "gbp": 30,
    "hkd": 400,
    "huf": 17500,
    "mxn": 1000,
    "myr": 200,
    "nok": 300,
    "pln": 200,
    "ron": 200,
    "sek": 300,
    "thb": 1000,
}
"""The smallest charge; for other currencies Stripe converts, which the fake does not."""
LARGEST = 99_999_999
FEE_PERCENT = 2.9
FEE_FIXED = 30
"""What the fake's account pays for a charge: any figure would do, as long as it is not 0."""


def currency_checked(currency: str, *, param: str = "currency") -> str:
    """The currency in lower case, if Stripe has it."""
    lower = currency.lower()
    if lower not in CURRENCIES:
        raise InvalidParameter(
            f"Invalid currency: {currency}. Stripe currently supports these currencies: "
            f"{', '.join(sorted(CURRENCIES))}",
            param=param,
        )
    return lower


def amount_checked(amount: int, currency: str, *, param: str = "amount") -> int:
    """The amount in the currency's smallest unit, if it may be charged."""
    if amount < 1:
        raise InvalidParameter(
            "This value must be greater than or equal to 1.",
            code="parameter_invalid_integer",
            param=param,
        )
    if amount < SMALLEST.get(currency, 1):
        least = written(SMALLEST[currency], currency)
        raise InvalidRequest(
            f"Amount must be at least {least}", code="amount_too_small", param=param
        )
    if amount > LARGEST:
        raise InvalidRequest(
            f"Amount must be no more than {written(LARGEST, currency)}",
            code="amount_too_large",
            param=param,
        )
    return step_checked(amount, currency, param=param)


def step_checked(amount: int, currency: str, *, param: str = "amount") -> int:
    """The amount, charged or refunded, if a card can move it without a rest."""
    step = 10 if currency in THREE_DECIMAL else 100 if currency in WHOLE else 1
    if amount % step:
        raise InvalidRequest(
            f"Amounts in {currency} must be evenly divisible by {step}, since further decimals "
            "are not supported.",
            param=param,
        )
    return amount


def written(amount: int, currency: str) -> str:
    """An amount as people read it."""
    places = 0 if currency in ZERO_DECIMAL else 3 if currency in THREE_DECIMAL else 2
    return f"{amount / 10**places:.{places}f} {currency}"


def fee_of(amount: int) -> int:
    """What Stripe keeps of a charge."""
    return min(amount, round(amount * FEE_PERCENT / 100) + FEE_FIXED)
