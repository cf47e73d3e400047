"""The raw ASGI application in front of Django: authenticates, prices, queues and answers predictions."""
