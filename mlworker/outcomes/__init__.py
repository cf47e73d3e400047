"""What outcome contracts need to know of models: sealed rows, deployments, feedback."""
