"""The deterministic market behind every simulated provider: one pure function of seed and time.

What belongs here: assets and their events, prices, supplies, volumes, exchange pairs, trades and candles.
What does not: HTTP, websockets, provider formats, faults, the clock. Nothing here waits, writes or remembers
anything but bounded caches, so any instant may be asked in any order and by any number of processes.
"""
