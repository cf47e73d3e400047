"""Plans, who is on which, and what a new organization may try."""
