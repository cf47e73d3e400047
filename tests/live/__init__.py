"""tests/live"""
