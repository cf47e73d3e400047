"""Schema changes of the feedback app."""
