"""Commands that join apps."""
