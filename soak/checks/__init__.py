"""The invariants, a file each. A check reads, compares, and returns verdicts; it never repairs.

    keys        no duplicate, and every key is held by a real unique index
    answers     every sample stands in an answer that is kept, and the answer is what the world says
    exchanges   every trade and minute is as the exchange traded it, and no trade is missing
    slots       every minute that was due has a state, for every provider
    rebuilt     every close and larger candle is what its finer rows say, computed from scratch
    bounds      memory and Dagster's event log are bounded, nothing waits, nothing is stuck

What does not belong here: making the platform do anything (trial).
"""
