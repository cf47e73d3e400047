"""Migrations of the datasets app."""
