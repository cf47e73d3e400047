"""Measuring helpers: raw forward loops, the naive fine-tuning recipe, and cases built of them.

Comparators live here beside what they are compared with, so that a ratio is one run's.
"""
