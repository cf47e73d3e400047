"""Refusals of invoices."""

from anneal.kernel.errors import Conflict, InvalidRequest, NotFound


class InvoiceUnknown(NotFound):
    """No such invoice of this organization, or one that is not final yet."""

    message = "No such invoice: GET /v1/billing/invoices lists yours."


class CreditNoteUnknown(NotFound):
    """No such credit note of this organization."""

    message = "No such credit note: GET /v1/billing/credit_notes lists yours."


class ItemUnknown(NotFound):
    """Nothing was asked for under this source."""

    code = "invoice_item_not_found"
    message = "Nothing was asked for under this name."


class ItemConflict(Conflict):
    """The same source with another content."""

    code = "invoice_item_conflict"
    message = "Something else was asked for under this name: use another name."


class ItemInvalid(InvalidRequest):
    """An item that no invoice could hold."""

    code = "invoice_item_invalid"
    message = "The item cannot be kept: it needs a name, an amount and a currency."


class InvoiceState(Conflict):
    """The invoice's state forbids the change."""

    code = "invoice_state"
    message = "The invoice's state does not allow this: a final one is corrected by a credit note."


class InvoiceLoop(Conflict):
    """So many invoices in a day that something makes them in a circle."""

    code = "invoice_loop"
    message = (
        "This organization had more invoices in a day than can be right: nothing more is sent until"
        " the operator has looked."
    )


class InvoiceEmpty(Conflict):
    """A draft that comes to less than nothing, or holds nothing."""

    code = "invoice_empty"
    message = "An invoice needs lines, and must not come to less than nothing: add some."


class PaymentMismatch(Conflict):
    """The same payment with another amount or invoice."""

    code = "payment_mismatch"
    message = "This payment was booked with another amount or for another invoice."


class PaymentExceeded(Conflict):
    """More was to be taken back than was paid."""

    code = "payment_exceeded"
    message = "That is more than was paid for this invoice and is still kept: take back less."


class CreditExceeded(Conflict):
    """A credit note above what is left of the invoice, a line or what was paid."""

    code = "credit_note_exceeded"
    message = "The credit note is above what is left of the invoice: credit less."


class CreditMismatch(Conflict):
    """The same key with another content."""

    code = "credit_note_mismatch"
    message = "This key was used for another credit note: use a new key."


class CreditInvalid(InvalidRequest):
    """A credit note that takes nothing off, or does not say how money goes back."""

    code = "credit_note_invalid"
    message = "A credit note needs an amount above 0 or lines, a key and a reason."


class TopUpSpent(Conflict):
    """The credit that was bought is used."""

    code = "top_up_spent"
    message = "Less than this is left of the credit that was bought: credit what is unspent."


class ProfileInvalid(InvalidRequest):
    """Billing details that no invoice could print."""

    code = "billing_profile_invalid"
    message = "The billing details are not valid."


class TaxRateInvalid(InvalidRequest):
    """A tax that cannot be."""

    code = "tax_rate_invalid"
    message = "A tax rate needs names, a country of two letters and a per cent above 0 up to 100."


class TaxRateUnknown(NotFound):
    """No such tax rate in force."""

    code = "tax_rate_not_found"
    message = "No such tax rate is in force."


class SellerInvalid(InvalidRequest):
    """Details of the seller that no invoice could print."""

    code = "seller_invalid"
    message = "The seller's details are not valid."
