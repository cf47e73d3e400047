"""The measured promises: each bar is a case that prints figures beside their comparators."""
