"""Everything about models: catalogue, jobs, registry, serving, feedback, and the engine."""
