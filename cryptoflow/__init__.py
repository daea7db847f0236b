"""cryptoflow: a crypto market-data warehouse that its owner runs.

The floors, lowest first; a module imports from its own floor or from below, never from above:
errors, settings, cadence, resources -> contracts -> sources, refine -> warehouse -> collect -> quality -> serving
-> simulator, runtime -> ops, documents -> cli, defs -> definitions.
"""

__version__ = "0.1.0"
