"""Self-care: pruning of Dagster's own record, tables by need, the health of the platform as an asset, alerts."""
