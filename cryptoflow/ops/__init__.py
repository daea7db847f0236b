"""How the platform is: what is broken, since when, and what to do. Later also its upkeep.

What does not belong here: restarting parts (runtime), printing (cli).
"""
