"""The machine room of `manage.py`: environment, embedded servers, processes, checks.

Nothing here imports Django or a third-party package at module level unless the module says so:
`preamble` runs on the plain interpreter, before anything is installed.
"""
