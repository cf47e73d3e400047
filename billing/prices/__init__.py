"""Meters and what a unit of each costs."""
