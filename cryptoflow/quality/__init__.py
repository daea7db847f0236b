"""How good the data are: what must hold of every table, whether it does, and where that is told.

Rules are written here (from the contracts, or by hand across rows), Great Expectations looks at the tables by them, the
results are a table, and Data Docs shows them to people. `expectations` is the only module that imports Great
Expectations, which costs seconds: it is itself imported inside functions only.
What does not belong here: hard rules of a write (warehouse), what the data are used for (serving), schedules (defs).
"""
