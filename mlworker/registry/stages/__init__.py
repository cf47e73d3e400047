"""Stages: words such as ``production`` that stand for one version of a suffix."""
