"""Datasets and files: what an organization brings to train on."""
