"""The online path and deployments."""
