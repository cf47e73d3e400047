"""Schema changes of the serving app."""
