"""Expectations as asset checks: what Great Expectations found of each table, on the asset that the table is."""
