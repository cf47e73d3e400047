"""The raw ASGI application in front of Django: checks, charges, queues, answers."""
