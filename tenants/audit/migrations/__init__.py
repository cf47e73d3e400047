"""Database history of this app."""
