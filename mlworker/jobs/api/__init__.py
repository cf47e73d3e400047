"""``/v1/fine_tuning``: OpenAI's jobs, with what Anneal adds."""
