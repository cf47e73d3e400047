"""Online predictions: the gateway in the web process, the engine's loop in the workers, deployments."""
