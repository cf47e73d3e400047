"""Configuration, the two tiers' training loops, checkpoints' state."""
