"""Pure arithmetic: records in, rows out. No clock is read, no file, no network, no database.

What does not belong here: SQL, HTTP, settings.
"""
