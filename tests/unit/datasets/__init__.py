"""Tests of files and datasets."""
