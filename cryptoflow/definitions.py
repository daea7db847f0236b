"""The front door of the code location: load `defs/`, then apply the policies that hold for every asset, once.

What does not belong here: an asset, a check, a schedule.
"""

from __future__ import annotations

import importlib
import pkgutil
import warnings
from types import ModuleType

import dagster as dg

from cryptoflow import defs as definitions_package
from cryptoflow.defs.platform.policies import with_policies
from cryptoflow.defs.platform.resources import resources

# The files of a domain that hold definitions; others beside them (the worker, helpers) are not definitions.
DEFINITION_FILES = frozenset({"assets", "checks", "automation", "history"})


def definition_modules() -> list[ModuleType]:
    """The definition files of every domain, in alphabetical order."""
    found = pkgutil.walk_packages(definitions_package.__path__, prefix=f"{definitions_package.__name__}.")
    names = sorted(module.name for module in found if module.name.rpartition(".")[2] in DEFINITION_FILES)
    return [importlib.import_module(name) for name in names]


def load() -> dg.Definitions:
    """Everything in `defs/`, under the policies."""
    with warnings.catch_warnings():
        # Two of Dagster's functions used here may change in a patch release; the release is pinned exactly, and a
        # snapshot of all definitions is tested.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return with_policies(
            dg.load_definitions_from_modules(
                definition_modules(),
                resources=resources(),
                # A run is one warm process; steps in processes of their own would import everything anew.
                executor=dg.in_process_executor,
            )
        )


defs = load()
