"""The prediction log."""
