"""Django's entry to the keys app."""

from django.apps import AppConfig


class KeysConfig(AppConfig):
    """API keys; label `keys`."""

    name = "tenants.keys"
    label = "keys"
    verbose_name = "API keys"

    def ready(self) -> None:
        """Let keys follow their makers' memberships."""
        from anneal.kernel.events import subscribe  # noqa: PLC0415 # apps are loaded only now
        from tenants.accounts.contracts import MembershipChanged  # noqa: PLC0415 # as above
        from tenants.keys.services import keys_follow_membership  # noqa: PLC0415 # as above

        subscribe(MembershipChanged, keys_follow_membership)
