"""Cross-validation and search: runs that train more than once before the model that is kept."""
