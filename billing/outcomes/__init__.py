"""Payment for what came of it: contracts before the start, outcomes with evidence, their money."""
