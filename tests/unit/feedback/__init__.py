"""Feedback on predictions."""
