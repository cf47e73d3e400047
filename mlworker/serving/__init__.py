"""Online predictions: the gateway, the engine's loop, deployments."""
