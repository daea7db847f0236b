"""The platform's definitions as Dagster executes them when nothing is said: each step in a process of its own.

For the bench `latency`, which serves them instead of cryptoflow.definitions. What does not belong here: other changes.
"""

from __future__ import annotations

import warnings

import dagster as dg

from cryptoflow.definitions import definition_modules
from cryptoflow.defs.platform.policies import with_policies
from cryptoflow.defs.platform.resources import resources

with warnings.catch_warnings():
    warnings.simplefilter("ignore", dg.PreviewWarning)
    defs = with_policies(dg.load_definitions_from_modules(definition_modules(), resources=resources()))
