"""Credit notes: parts of a final invoice taken off, never more than it asked for.

What is still due is lowered first; what was paid goes back. The account's lock lets one note be
made at a time, so two at once cannot both find the same rest.
"""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.events import CreditNoteIssued, publish
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.invoices.contracts import CreditNoteInfo, InvoiceKind, ReturnBy
from billing.invoices.errors import (
    CreditExceeded,
    CreditInvalid,
    CreditMismatch,
    TopUpSpent,
)
from billing.invoices.models import CreditNote, CreditNoteLine, Invoice
from billing.invoices.money import major, spread
from billing.invoices.parties import seller_current
from billing.invoices.rests import Rest, rests_of
from billing.invoices.rows import credit_note_info
from billing.invoices.services.bought import credit_take
from billing.invoices.services.numbers import number_take
from billing.invoices.services.settling import final_locked, settled_look
from billing.ledger.models import GrantKind
from billing.ledger.services import balance_grant

LONGEST_KEY: Final = 150
LONGEST_REASON: Final = 500
SUFFIX: Final = "-CN"


def credit_note_issue(
    *,
    organization: OrganizationRef,
    actor: Actor,
    invoice_id: UUID,
    key: str,
    reason: str,
    amount_minor: int | None = None,
    lines: Mapping[UUID, int] | None = None,
    return_by: ReturnBy = ReturnBy.CREDIT,
    payment_id: UUID | None = None,
) -> CreditNoteInfo:
    """Take an amount, taxes included, off an invoice or off some of its lines, once per ``key``.

    An amount is shared out over the lines; neither given, all that is left is taken off. With a
    note on bought credit what is unspent of it is taken back. Raises InvoiceUnknown, InvoiceState,
    CreditInvalid, CreditExceeded, CreditMismatch, TopUpSpent.
    """
    require_scope(organization)
    if not 0 < len(key) <= LONGEST_KEY or not 0 < len(reason.strip()) <= LONGEST_REASON:
        raise CreditInvalid
    invoice = final_locked(organization, invoice_id)
    known = CreditNote.objects.filter(organization_id=organization.id, key=key).first()
    if known is not None:
        asked = sum(lines.values()) if lines is not None else amount_minor
        if known.invoice_id != invoice.id or asked not in (None, known.total_minor):
            raise CreditMismatch
        return credit_note_info(known)
    rests = rests_of(invoice)
    parts = _parts(invoice, rests, amount_minor, lines)
    note = _write(organization, invoice, rests, parts, key, reason.strip(), return_by, payment_id)
    _give_back(organization, actor, invoice, note, gone=return_by == ReturnBy.OUTSIDE)
    invoice.credited_minor += note.total_minor
    invoice.returned_minor += note.returned_minor
    _tell(organization, actor, invoice, note)
    settled_look(organization, invoice)
    return credit_note_info(note)


def _parts(
    invoice: Invoice,
    rests: list[Rest],
    amount_minor: int | None,
    lines: Mapping[UUID, int] | None,
) -> list[int]:
    """Return what is taken off each line, in the lines' order. Raises CreditExceeded."""
    left = invoice.total_minor - invoice.credited_minor
    if lines is not None:
        unknown = set(lines) - {rest.line_id for rest in rests}
        parts = [lines.get(rest.line_id, 0) for rest in rests]
        within = all(
            abs(part) <= abs(rest.gross) and part * rest.gross >= 0
            for part, rest in zip(parts, rests, strict=True)
        )
        if unknown or not within:
            raise CreditExceeded
        total = sum(parts)
    else:
        total = left if amount_minor is None else amount_minor
        parts = []
    if total <= 0 and left > 0:
        raise CreditInvalid
    if not 0 < total <= left:
        raise CreditExceeded
    return parts or spread(total, [rest.gross for rest in rests])


def _write(
    organization: OrganizationRef,
    invoice: Invoice,
    rests: list[Rest],
    parts: list[int],
    key: str,
    reason: str,
    return_by: ReturnBy,
    payment_id: UUID | None,
) -> CreditNote:
    total = sum(parts)
    due = min(total, invoice.due_minor)
    if total > due and return_by == ReturnBy.NONE:
        raise CreditInvalid("return_by: what was paid goes back; say how.", param="return_by")
    now = clock.now()
    drafts = [rest.credit(part) for rest, part in zip(rests, parts, strict=True)]
    tax = sum(draft.tax_minor for draft in drafts)
    series, place, number = number_take(seller_current(), now, SUFFIX)
    note = CreditNote(
        organization_id=organization.id,
        invoice=invoice,
        key=key,
        series=series,
        sequence=place,
        number=number,
        reason=reason,
        currency=invoice.currency,
        subtotal_minor=total - tax,
        tax_minor=tax,
        total_minor=total,
        due_minor=due,
        returned_minor=total - due,
        return_by=(return_by if total > due else ReturnBy.NONE).value,
        payment_id=payment_id,
        issued_at=now,
    )
    note.save(force_insert=True)
    CreditNoteLine.objects.bulk_create(
        CreditNoteLine(
            organization_id=organization.id,
            credit_note=note,
            line_id=draft.line_id,
            amount_minor=draft.amount_minor,
            tax_minor=draft.tax_minor,
            taxes=[[rate, minor] for rate, minor in draft.taxes],
        )
        for draft in drafts
        if draft.amount_minor or draft.taxes
    )
    return note


def _give_back(
    organization: OrganizationRef, actor: Actor, invoice: Invoice, note: CreditNote, *, gone: bool
) -> None:
    if invoice.kind == InvoiceKind.TOP_UP:
        if note.return_by == ReturnBy.CREDIT:
            raise CreditInvalid(
                "return_by: bought credit goes back as money, not as credit.", param="return_by"
            )
        _credit_take(organization, actor, invoice, note, gone=gone)
    elif note.return_by == ReturnBy.CREDIT:
        balance_grant(
            organization=organization,
            actor=actor,
            unit=note.currency,
            amount=major(note.returned_minor, note.currency),
            kind=GrantKind.PURCHASED,
            source=f"credit_note:{note.id}",
            reason=f"Credit note {note.number}.",
        )


def _credit_take(
    organization: OrganizationRef, actor: Actor, invoice: Invoice, note: CreditNote, *, gone: bool
) -> None:
    """Take the credit back that was bought; where its money is gone, as much as there is."""
    wanted = major(note.subtotal_minor, note.currency)
    taken = credit_take(
        organization,
        actor,
        currency=invoice.currency,
        source=invoice.source,
        most=wanted,
        name=str(note.id),
        reason=f"Credit note {note.number}.",
    )
    if taken < wanted and not gone:
        raise TopUpSpent


def _tell(organization: OrganizationRef, actor: Actor, invoice: Invoice, note: CreditNote) -> None:
    audit_record(
        actor=actor,
        action="credit_note.issue",
        target=public_id("cn_", note.id),
        detail={
            "number": note.number,
            "invoice": invoice.number,
            "total": f"{major(note.total_minor, note.currency):f} {note.currency}",
            "return_by": note.return_by,
            "reason": note.reason,
        },
        organization=organization,
    )
    publish(
        CreditNoteIssued(
            organization=organization,
            credit_note_id=note.id,
            invoice_id=invoice.id,
            number=note.number,
            currency=note.currency,
            total_minor=note.total_minor,
            returned_minor=note.returned_minor,
            return_by=note.return_by,
            payment_id=note.payment_id,
        )
    )
