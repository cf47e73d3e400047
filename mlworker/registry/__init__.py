"""The registry: what fine-tuning jobs leave behind, and what can be called by name."""
