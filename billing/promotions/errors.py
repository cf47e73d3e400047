"""Refusals of promotions."""

from anneal.kernel.errors import Conflict, InvalidRequest, NotFound


class PromotionUnknown(NotFound):
    """No such code, or one that the operator has ended."""

    code = "promotion_not_found"
    message = "No such promotion code: check its letters and digits."


class PromotionNotYet(Conflict):
    """A code whose time has not come."""

    code = "promotion_not_yet"
    message = "This promotion code is not valid yet: try again when it begins."


class PromotionOver(Conflict):
    """A code whose time is over."""

    code = "promotion_over"
    message = "This promotion code has ended."


class PromotionUsedUp(Conflict):
    """A code that was redeemed as often as it may be."""

    code = "promotion_used_up"
    message = "This promotion code has been redeemed as often as it can be."


class PromotionRedeemed(Conflict):
    """An organization redeems a code once."""

    code = "promotion_redeemed"
    message = "The organization has redeemed this promotion code already."


class PromotionUnfit(Conflict):
    """A trial extension with no trial left to extend."""

    code = "promotion_unfit"
    message = "Nothing of the trial is left to extend, so the code was not used."


class PromotionInvalid(InvalidRequest):
    """A code that could not be kept or would give nothing."""

    code = "promotion_invalid"
    message = "The promotion cannot be kept; `param` names the field."


class PromotionTaken(Conflict):
    """A promotion of this code exists."""

    code = "promotion_taken"
    message = "A promotion with this code exists: choose another code."


class DiscountUnknown(NotFound):
    """No such discount of this organization."""

    code = "discount_not_found"
    message = "No such discount."


class DiscountMismatch(Conflict):
    """The same key with another amount."""

    code = "discount_mismatch"
    message = "This key took the discount off another amount: use a new key for a new invoice."
