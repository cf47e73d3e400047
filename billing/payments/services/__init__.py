"""What may be done with payments."""
