"""What lies in the evaluation folder of a run. No torch."""

FOLDER = "evaluation"
REPORT = "report.json"
PREDICTIONS = "predictions.parquet"
