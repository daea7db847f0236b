"""The command line: `cryptoflow ...`, a thin face over the floors below.

One file per family of commands; each parses, calls one function, and prints. What does not belong here: work.
"""
