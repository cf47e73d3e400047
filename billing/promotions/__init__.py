"""Promotion codes, who redeemed them, and what is left of their discounts."""
