"""Commands of the serving app."""
