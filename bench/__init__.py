"""Benchmarks: the real code paths, with what a user would pick instead and the physical limit beside them.

    bench/contest.py     what a bench is: sides, goals
    bench/runner.py      the rounds: sides alternated, only the work timed, what they made compared
    bench/results.py     ratios, their table, results.json
    bench/room.py        the temporary server that benches work on
    bench/simulated.py   answers of the simulated providers to work on
    bench/benches/       one file per subject, found by the folder

What does not belong here: tests, for a time is never asserted; the figures of a platform that runs.
"""
