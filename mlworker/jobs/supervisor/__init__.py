"""The worker's side of a job: claim it, feed and watch a trainer, write down what it does.

Only this side touches the database. The trainer is a child process without secrets and network.
"""
