"""The only Dagster code: one folder per domain, each with assets, checks and automation as needed.

Bodies are thin: they call a floor below and turn what it returns into metadata.
"""
