"""API keys and the session keys of the web page."""
