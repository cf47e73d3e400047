"""What goes into a container context; `server.py` runs there and not here."""
