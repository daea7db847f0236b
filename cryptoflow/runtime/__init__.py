"""The running platform: embedded servers, the supervisor of `cryptoflow up`, and how a command finds its database.

What does not belong here: what is stored in the database, Dagster code, the text of commands.
"""
