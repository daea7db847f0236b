"""The soak: the whole platform for a while under faults drawn at random, and then whether everything still holds.

    plan      what goes wrong and when, drawn from a seed
    world     the simulated providers, whose time runs faster than ours and reaches ours at the end
    running   the platform under them, started and asked the way a person does it
    trial     disturb, tick, measure, let it recover
    soaking   all of it from end to end, and the checks
    journal   what was done and when, in a file, so that a break can be explained
    checks/   one file for each invariant; each says how much it looked at, and names what breaks it

Nothing here is part of the platform: it reads what the platform wrote, and compares it with what the simulated world
can compute once more. What does not belong here: benches (bench/), what holds of a table at all times
(cryptoflow/quality).
"""
