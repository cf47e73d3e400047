"""What was used: one row per count, kept for ever."""
