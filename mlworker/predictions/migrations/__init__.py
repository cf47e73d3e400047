"""Schema changes of the prediction log."""
