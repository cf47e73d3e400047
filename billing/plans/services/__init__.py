"""The services of plans."""

from billing.plans.services.cancellation import (
    rests_due,
    rests_void,
    subscription_cancel,
    subscription_keep,
)
from billing.plans.services.catalogue import (
    plan_add,
    plan_edit,
    plan_version_draft,
    plan_version_publish,
    trial_terms_set,
)
from billing.plans.services.changes import subscription_locked
from billing.plans.services.renewal import subscription_renew
from billing.plans.services.subscriptions import subscription_change

__all__ = [
    "plan_add",
    "plan_edit",
    "plan_version_draft",
    "plan_version_publish",
    "rests_due",
    "rests_void",
    "subscription_cancel",
    "subscription_change",
    "subscription_keep",
    "subscription_locked",
    "subscription_renew",
    "trial_terms_set",
]
