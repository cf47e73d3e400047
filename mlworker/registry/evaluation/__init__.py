"""Evaluation reports: read, compared, printed. What they say was computed by the trainer."""
