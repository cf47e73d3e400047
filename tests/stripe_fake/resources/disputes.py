"""Disputes: read, answered with evidence, given up."""

from tests.stripe_fake.account import Account, Object, owned
from tests.stripe_fake.disputing import close_dispute
from tests.stripe_fake.errors import InvalidRequest
from tests.stripe_fake.pages import page
from tests.stripe_fake.routing import PAGE, Call, route

VERDICTS = {"winning_evidence": True, "losing_evidence": False}
"""`uncategorized_text` with which a test says how the bank decides (docs.stripe.com/testing)."""


@route("GET", "/v1/disputes", f"{PAGE} created charge payment_intent")
def list_all(account: Account, call: Call) -> Object:
    """List disputes."""
    wanted = {name: call.params.text(name) for name in ("charge", "payment_intent")}
    return page(call, owned(account.all("dispute"), **wanted))


@route("GET", "/v1/disputes/{dispute}")
def retrieve(account: Account, call: Call) -> Object:
    """Retrieve a dispute."""
    return account.find("dispute", call.ids["dispute"])


@route("POST", "/v1/disputes/{dispute}", "evidence metadata submit")
def update(account: Account, call: Call) -> Object:
    """Answer with evidence; it goes to the bank unless `submit` is false."""
    dispute = _open(account, call)
    given = call.params.mapping("evidence")
    details = dispute["evidence_details"] | {"has_evidence": bool(given)}
    submits = bool(given) and call.params.boolean("submit") is not False
    if submits:
        details |= {"submission_count": details["submission_count"] + 1}
    under_review = "warning_" if dispute["status"].startswith("warning") else ""
    before = account.change(
        dispute,
        evidence=dispute["evidence"] | given,
        evidence_details=details,
        metadata=call.params.metadata(dispute["metadata"]),
        status=f"{under_review}under_review" if submits else dispute["status"],
    )
    account.emit("charge.dispute.updated", dispute, before)
    verdict = VERDICTS.get(dispute["evidence"]["uncategorized_text"] or "")
    if submits and verdict is not None:
        close_dispute(account, dispute, won=verdict)
    return dispute


@route("POST", "/v1/disputes/{dispute}/close")
def close(account: Account, call: Call) -> Object:
    """Accept it as lost."""
    return close_dispute(account, _open(account, call), won=False)


def _open(account: Account, call: Call) -> Object:
    dispute = account.find("dispute", call.ids["dispute"])
    if dispute["status"] in {"won", "lost", "prevented", "warning_closed"}:
        raise InvalidRequest("This dispute is already closed")
    return dispute
