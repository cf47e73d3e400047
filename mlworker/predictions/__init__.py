"""The log of what deployments answered: opt-in, hidden before it is written, kept for days."""
