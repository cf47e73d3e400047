"""What a finished model is worth: figures, intervals, baselines, rows. Pure functions on arrays."""
