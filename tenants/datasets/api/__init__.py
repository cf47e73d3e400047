"""The HTTP face of files and datasets."""
