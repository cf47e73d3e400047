"""Fine-tuning jobs: the truth in Postgres, the work in a child process."""
