"""Numbers without a gap."""

from datetime import datetime

from django.db import connection

from billing.invoices.contracts import SellerTerms


def number_take(seller: SellerTerms, at: datetime, suffix: str = "") -> tuple[str, int, str]:
    """Take the next number of the year's series; return series, place and the number as printed.

    The series stays locked till the commit, and a transaction that fails gives its number back: so
    there is no gap. It is taken last, since everybody else who needs one waits.
    """
    series = f"{seller.number_prefix}{suffix}-{at:%Y}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT number_take(%s)", [series])
        (place,) = cursor.fetchone()
    return series, place, f"{series}-{place:06d}"
