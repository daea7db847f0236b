"""One dataset's whole way: ask the providers, decode, plan, write, account. One file per dataset.

What does not belong here: how a provider is asked (sources), arithmetic (refine), statements (warehouse), when it
runs (defs).
"""
