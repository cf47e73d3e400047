"""Who customers are and what they bring: accounts, keys, datasets, webhooks, audit."""
