"""Base models: finding, checking and running pretrained trunks."""
