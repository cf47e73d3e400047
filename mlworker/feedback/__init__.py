"""What customers say about predictions: the raw material of the next model."""
