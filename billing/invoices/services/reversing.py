"""Taking back what was asked for, wherever it stands by now."""

from uuid import UUID

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.ids import public_id
from anneal.kernel.principal import SYSTEM_ACTOR, Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.invoices.contracts import InvoiceStatus, ItemInfo, ItemKind, Reversal
from billing.invoices.errors import InvoiceState, ItemUnknown
from billing.invoices.models import CreditNote, Invoice, InvoiceItem
from billing.invoices.money import major, spread
from billing.invoices.rests import Rest, rests_of
from billing.invoices.rows import credit_note_info, item_info
from billing.invoices.services.credit_notes import credit_note_issue
from billing.invoices.services.items import item_add, item_known
from billing.ledger import functions


def item_reverse(
    *, organization: OrganizationRef, source: str, reason: str, actor: Actor = SYSTEM_ACTOR
) -> Reversal:
    """Take back what was asked for under a source, once; say how.

    What no invoice has taken is dropped. Of what is on a final invoice the rest of its line is
    credited: it lowers what is due, and what was paid becomes credit of the account. Where other
    lines gave something back, the invoice asked for less than the line: what goes beyond lowers the
    next. Raises ItemUnknown, InvoiceState for one on a draft of the operator's, which is voided
    first.
    """
    require_scope(organization)
    functions.account_open(organization_id=organization.id)
    row = item_known(organization, source)
    if row is None:
        raise ItemUnknown
    if row.dropped_at is not None:
        return Reversal(dropped=True)
    if row.invoice_id is not None:
        return _credited(organization, actor, row, reason)
    row.dropped_at = clock.now()
    row.save(update_fields=["dropped_at"])
    audit_record(
        actor=actor,
        action="invoice_item.drop",
        target=public_id("item_", row.id),
        detail={"source": source, "amount": f"{row.amount:f} {row.currency}", "reason": reason},
        organization=organization,
    )
    return Reversal(dropped=True)


def _credited(
    organization: OrganizationRef, actor: Actor, item: InvoiceItem, reason: str
) -> Reversal:
    """Credit what is left of an item's line, less its share of what discounts took off."""
    key, later = f"item:{item.id}", f"reversed:{item.id}"
    note = CreditNote.objects.filter(organization_id=organization.id, key=key).first()
    waits = item_known(organization, later)
    if note is not None or waits is not None:
        return Reversal(
            dropped=False,
            credit_note=credit_note_info(note) if note is not None else None,
            waits=item_info(waits) if waits is not None else None,
        )
    invoice = Invoice.objects.get(organization_id=organization.id, id=item.invoice_id)
    if invoice.status != InvoiceStatus.FINAL:
        raise InvoiceState("It stands on a draft: void the draft, or make it final, first.")
    line, parts = _parts(rests_of(invoice), item)
    beyond = max(sum(parts.values()) - invoice.total_minor + invoice.credited_minor, 0)
    if beyond:
        parts = {line.line_id: invoice.total_minor - invoice.credited_minor}
    return Reversal(
        dropped=False,
        credit_note=credit_note_issue(
            organization=organization,
            actor=actor,
            invoice_id=invoice.id,
            key=key,
            reason=reason,
            lines=parts,
        )
        if sum(parts.values()) > 0
        else None,
        waits=_wait(organization, item, later, line.credit(beyond).amount_minor),
    )


def _parts(rests: list[Rest], item: InvoiceItem) -> tuple[Rest, dict[UUID, int]]:
    """Return the item's line, and what is taken off it and the discounts, by line."""
    line = next(rest for rest in rests if rest.item_id == item.id)
    sold = [rest for rest in rests if rest.kind != ItemKind.DISCOUNT and rest.gross > 0]
    if line not in sold:
        return line, {}
    weights = [rest.gross for rest in sold]
    parts = {line.line_id: line.gross}
    for rest in rests:
        if rest.kind == ItemKind.DISCOUNT and rest.gross:
            parts[rest.line_id] = -spread(-rest.gross, weights)[sold.index(line)]
    return line, {each: part for each, part in parts.items() if part}


def _wait(
    organization: OrganizationRef, item: InvoiceItem, source: str, minor: int
) -> ItemInfo | None:
    """Let the next invoice give back what its own asked for less than: before taxes."""
    if not minor:
        return None
    return item_add(
        organization=organization,
        source=source,
        kind=item.kind,
        currency=item.currency,
        amount=-major(minor, item.currency),
        description_code=item.description,
        params=item.params,
        evidence=item.evidence,
    )
