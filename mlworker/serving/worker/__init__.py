"""The engine's side: takes waiting rows, runs them in mixed batches, answers, announces itself."""
