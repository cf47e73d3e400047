"""Currencies and their smallest coins (ISO 4217)."""

from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Final

from billing.prices.errors import CurrencyDecimals, CurrencyUnknown

DEFAULT: Final = "USD"
PRECISION: Final = 100
"""Digits while calculating: far more than 38 with 12 decimals multiplied need, so all is exact."""

_BY_EXPONENT: Final = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD"
        " CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP"
        " GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD"
        " LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB"
        " PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SYP"
        " SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD YER ZAR ZMW"
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
}
_EXPONENTS: Final = {
    code: exponent for exponent, codes in _BY_EXPONENT.items() for code in codes.split()
}

_BY_MAGNITUDE: Final = {
    10: (
        "AFN ALL BTN BWP CUP CZK DOP EGP ERN GMD HNL INR KGS LSL MAD MDL MKD MRU MUR MVR MXN MZN"
        " NAD NIO NOK PHP RUB SCR SEK SLE SRD STN SZL THB TJS TRY TWD UAH UYU ZAR ZMW"
    ),
    100: (
        "AMD AOA BDT CLP CRC CVE DJF DZD ETB HTG HUF ISK JMD JPY KES KMF KPW KZT LKR LRD NPR PKR"
        " RSD SDG SOS SSP VUV XAF XOF XPF YER"
    ),
    1_000: "ARS BIF CDF COP GNF IQD KHR KRW MGA MMK MNT MWK NGN PYG RWF TZS UGX",
    10_000: "IDR IRR LAK LBP SYP UZS VND",
}
_MAGNITUDES: Final = {
    code: magnitude for magnitude, codes in _BY_MAGNITUDE.items() for code in codes.split()
}
_LEAST_CHARGE: Final = {
    "AED": "2",
    "BGN": "1",
    "CZK": "15",
    "DKK": "2.5",
    "GBP": "0.3",
    "HKD": "4",
    "HUF": "175",
    "INR": "0.5",
    "MXN": "10",
    "MYR": "2",
    "NOK": "3",
    "PLN": "2",
    "RON": "2",
    "SEK": "3",
    "THB": "10",
}
"""What Stripe charges at least, docs.stripe.com/currencies; of others half a dollar's worth."""


def exponent(code: str) -> int:
    """Return how many decimals the currency has: 0, 2 or 3. Raises CurrencyUnknown."""
    if code not in _EXPONENTS:
        raise CurrencyUnknown(
            f"'{code[:20]}' is no currency we know: use an ISO 4217 code such as USD.",
            param="currency",
        )
    return _EXPONENTS[code]


def magnitude(code: str) -> int:
    """Return the power of ten of the currency that is worth a dollar, or a few."""
    exponent(code)
    return _MAGNITUDES.get(code, 1)


def least_charge(code: str) -> int:
    """Return the fewest coins that a card can pay at once."""
    least = _LEAST_CHARGE.get(code)
    return minor_units(Decimal(least) if least else magnitude(code) / Decimal(2), code)


def minor_units(amount: Decimal, code: str) -> int:
    """Return an amount in the currency's smallest coins, half a coin rounded up."""
    with localcontext(prec=PRECISION):
        coins = amount.scaleb(exponent(code))
        return int(coins.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def coins_sql(column: str) -> str:
    """Return SQL that says how many smallest coins one unit of a column's currency has."""
    cases = " ".join(
        f"WHEN {column} = ANY(string_to_array('{codes}', ' ')) THEN {10**exponent}"
        for exponent, codes in _BY_EXPONENT.items()
        if exponent != 2
    )
    return f"CASE {cases} ELSE 100 END"


def require_decimals(amount: Decimal, code: str, *, param: str) -> None:
    """Raise CurrencyDecimals for an amount that no coins of the currency can pay."""
    decimals = exponent(code)
    with localcontext(prec=PRECISION):
        if round(amount, decimals) != amount:
            allowed = f"at most {decimals} decimals" if decimals else "no decimals"
            raise CurrencyDecimals(
                f"{param}: an amount in {code} has {allowed}, this one is {amount:f}.", param=param
            )
