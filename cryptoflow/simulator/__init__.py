"""The upstreams as one local server over a deterministic market, with documented limits and faults on demand.

What belongs here: everything that plays a provider. What does not: any code that asks a provider. Nothing of
the project imports this package except the command line and the tests; the supervisor starts it as a process.
"""
