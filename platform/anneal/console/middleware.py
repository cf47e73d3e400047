"""The content security policy of every answer."""

from csp.middleware import CSPMiddleware


class SecurityHeadersMiddleware(CSPMiddleware):  # type: ignore[misc] # django-csp ships no types
    """Adds the policy of the settings."""
