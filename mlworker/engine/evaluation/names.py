"""What lies in the evaluation folder of a run, and how much of it is whole. No torch."""

FOLDER = "evaluation"
REPORT = "report.json"
PREDICTIONS = "predictions.parquet"
DENSE_LABELS = 50
"""Up to so many labels a confusion matrix is whole: more of it cannot be read, or sent about."""
