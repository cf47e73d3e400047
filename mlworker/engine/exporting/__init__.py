"""A model version in forms that run elsewhere: made by a process of its own, checked as made."""
