"""The catalogue: base models that can be fine-tuned, and models that come with Anneal."""
