"""Batch predictions: a file of requests or of rows, answered in idle moments at a lower price."""
