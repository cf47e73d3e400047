"""Webhooks: what happened, told to an organization's own addresses, signed."""
