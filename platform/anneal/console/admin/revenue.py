"""The console's page of what the installation earns, with what each figure means, and its CSV."""

import csv
from decimal import Decimal
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from anneal.console.months import month_after, month_before, month_read
from anneal.console.revenue import Month, Outstanding, Revenue, month_figures, revenue_read
from anneal.kernel import clock
from anneal.kernel.spreadsheets import cell_of
from billing.prices.currency import exponent

Figure = tuple[str, str, str]
"""A name, its value, and what it means."""


def revenue_context(request: HttpRequest) -> dict[str, Any]:
    """Read the twelve months up to the one asked for, else to the present one."""
    month = month_read(request.GET.get("month", ""))
    after = month_after(month)
    return {
        "title": _("Revenue"),
        "month": month,
        "before": month_before(month),
        "after": after if after <= clock.now() else None,
        "currencies": [
            {
                "code": each.currency,
                "groups": _groups(each),
                "months": [_row(one) for one in reversed(each.months)],
            }
            for each in revenue_read(month=month)
        ],
    }


def revenue_csv(request: HttpRequest) -> HttpResponse:
    """Return the same figures as a file, a line per month and currency."""
    month = month_read(request.GET.get("month", ""))
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="revenue-{month:%Y-%m}.csv"'
    writer = csv.writer(answer)
    writer.writerow(month_figures(Month(month, "")))
    for each in revenue_read(month=month):
        for one in each.months:
            figures = month_figures(one).values()
            writer.writerow(["" if value is None else _cell(value) for value in figures])
    return answer


def _cell(value: Any) -> Any:
    """Return a value as a cell: an amount below zero is no formula."""
    try:
        return Decimal(value)
    except ArithmeticError:
        return cell_of(value)


def _groups(found: Revenue) -> list[tuple[str, list[Figure]]]:
    return [
        (_("Recurring"), _recurring(found.month)),
        (_("Customers"), _customers(found.month)),
        (_("Billed"), _billed(found.month)),
        (_("Money"), _money(found.month)),
        (_("Outstanding"), _outstanding(found.outstanding, found.currency)),
    ]


def _told(currency: str, name: str, amount: Decimal, means: str) -> Figure:
    return name, _amount(amount, currency), means


def _recurring(month: Month) -> list[Figure]:
    told = partial(_told, month.currency)
    return [
        told(
            _("MRR"),
            month.mrr,
            _(
                "Monthly recurring revenue: the fees of all paid plans in force at the month's end,"
                " a year's fee as a twelfth. Before taxes and promotion codes; usage is not in it."
                " MRR at the begin + new + reactivated + expansion − contraction − churned."
            ),
        ),
        told(_("MRR at the begin"), month.mrr_before, _("The MRR of the end of the month before.")),
        told(
            _("New MRR"),
            month.new,
            _("MRR at the end of customers whose first paid plan began in the month."),
        ),
        told(
            _("Reactivated MRR"),
            month.reactivated,
            _("MRR at the end of customers who had none at the begin, but a paid plan before."),
        ),
        told(
            _("Expansion MRR"),
            month.expansion,
            _("By how much the MRR of customers grew who had a paid plan at begin and end."),
        ),
        told(
            _("Contraction MRR"),
            month.contraction,
            _("By how much the MRR of customers fell who had a paid plan at begin and end."),
        ),
        told(
            _("Churned MRR"),
            month.churned,
            _("MRR at the begin of customers who have no paid plan at the end."),
        ),
    ]


def _customers(month: Month) -> list[Figure]:
    arpu = _amount(month.arpu, month.currency)
    return [
        (
            _("Paying organizations"),
            _count(month.customers),
            _("Organizations with a paid plan at the month's end."),
        ),
        (_("ARPU"), arpu, _("Average revenue per user: MRR ÷ paying organizations.")),
        (
            _("Customer churn"),
            _percent(month.customer_churn),
            _("Organizations whose MRR churned ÷ paying organizations at the begin."),
        ),
        (
            _("Revenue churn"),
            _percent(month.revenue_churn),
            _("Gross: (churned MRR + contraction MRR) ÷ MRR at the begin."),
        ),
    ]


def _billed(month: Month) -> list[Figure]:
    told = partial(_told, month.currency)
    return [
        told(
            _("Billed"),
            month.billed,
            _("All lines and taxes of the invoices that became final in the month."),
        ),
        told(
            _("Plan fees"),
            month.fees,
            _("Lines of plans' fees, in advance, less what was given back when plans changed."),
        ),
        told(
            _("Usage"),
            month.usage,
            _("Lines of usage paid afterwards, and what prices ask for at least."),
        ),
        told(_("Outcome fees"), month.outcomes, _("Lines of outcomes.")),
        told(_("Top-ups"), month.top_ups, _("Lines of credit bought in advance.")),
        told(_("Other lines"), month.other, _("Lines that the operator wrote.")),
        told(_("Discounts"), month.discounts, _("What promotion codes took off.")),
        told(_("Taxes"), month.taxes, _("Taxes of these lines.")),
        told(
            _("Credited"),
            month.credited,
            _("Totals of the credit notes of the month, of whichever month's invoice."),
        ),
    ]


def _money(month: Month) -> list[Figure]:
    told = partial(_told, month.currency)
    return [
        told(
            _("Paid"),
            month.paid,
            _("Payments and transfers that came in the month, with what was paid too much."),
        ),
        told(
            _("Refunded"),
            month.refunded,
            _("What credit notes of the month return to cards or by other ways; not as credit."),
        ),
        told(_("Disputes lost"), month.taken_back, _("Payments that banks took back.")),
        (
            _("Collection rate"),
            _percent(month.collection),
            _(
                "Of the month's invoices but top-ups: paid to this day ÷ (billed − credited before"
                " it was paid). A lost dispute counts as not paid."
            ),
        ),
    ]


def _outstanding(due: Outstanding, currency: str) -> list[Figure]:
    age = _("Due at the month's end on invoices made so many days before.")
    return [
        (
            _("Outstanding"),
            _amount(due.total, currency),
            _("Due at the month's end: totals − payments − credit notes, of final invoices."),
        ),
        (_("0 to 30 days"), _amount(due.days_0_30, currency), age),
        (_("31 to 60 days"), _amount(due.days_31_60, currency), age),
        (_("61 to 90 days"), _amount(due.days_61_90, currency), age),
        (_("Over 90 days"), _amount(due.days_91, currency), age),
        (
            _("Given up"),
            _amount(due.given_up, currency),
            _("Due on invoices that were marked uncollectible to this day; not in the above."),
        ),
    ]


def _row(month: Month) -> dict[str, Any]:
    amounts = [
        month.mrr,
        month.new,
        month.reactivated,
        month.expansion,
        month.contraction,
        month.churned,
        month.arpu,
        month.billed,
        month.paid,
        month.refunded,
    ]
    shares = (month.customer_churn, month.revenue_churn, month.collection)
    return {
        "begins": month.begins,
        "customers": _count(month.customers),
        "amounts": [_amount(each, month.currency) for each in amounts],
        "shares": [_percent(each) for each in shares],
    }


def _amount(amount: Decimal | None, currency: str) -> str:
    if amount is None:
        return "–"
    return number_format(round(amount, exponent(currency)), force_grouping=True)


def _percent(share: Decimal | None) -> str:
    return "–" if share is None else f"{number_format(round(share, 1))} %"


def _count(number: int) -> str:
    return number_format(number, force_grouping=True)
