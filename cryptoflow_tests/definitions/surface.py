"""The definition surface in words: everything that a person can see or start in Dagster, as sorted text.

It is rendered into a snapshot, so that a change nobody meant is seen before it lands. `make docs` writes it anew:
`python -m cryptoflow_tests.definitions.surface`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import yaml

SNAPSHOT = Path(__file__).with_name("surface.yaml")


def surface_text(defs: dg.Definitions) -> str:
    """The surface as YAML."""
    return yaml.safe_dump(surface(defs), sort_keys=True, width=110, allow_unicode=True)


def surface(defs: dg.Definitions) -> dict[str, Any]:
    """The surface as plain data."""
    repository = defs.get_repository_def()
    return {
        "assets": {spec.key.to_user_string(): _asset(spec) for spec in defs.resolve_all_asset_specs()},
        "asset_checks": {
            f"{spec.asset_key.to_user_string()}.{spec.name}": {"blocking": spec.blocking, "what": spec.description}
            for checks in defs.asset_checks or ()
            for spec in checks.check_specs
        },
        "jobs": {
            job.name: {"what": job.description, "tags": dict(job.tags)}
            for job in repository.get_all_jobs()
            if not job.name.startswith("__")
        },
        "schedules": {
            schedule.name: {
                "cron": schedule.cron_schedule,
                "zone": schedule.execution_timezone,
                "job": schedule.job_name,
                "default": schedule.default_status.value,
                "what": schedule.description,
            }
            for schedule in repository.schedule_defs
        },
        "sensors": {
            sensor.name: {
                "kind": sensor.sensor_type.value,
                "every_seconds": sensor.minimum_interval_seconds,
                "default": sensor.default_status.value,
                "what": sensor.description,
            }
            for sensor in repository.sensor_defs
        },
    }


def _asset(spec: dg.AssetSpec) -> dict[str, Any]:
    schema = spec.metadata.get("dagster/column_schema")
    policy = spec.freshness_policy
    return {
        "group": spec.group_name,
        "kinds": sorted(spec.kinds),
        "owners": list(spec.owners),
        "what": spec.description,
        "depends_on": sorted(dep.asset_key.to_user_string() for dep in spec.deps),
        "partitions": str(spec.partitions_def) if spec.partitions_def else None,
        "freshness": {"warn": str(policy.warn_window.to_timedelta()), "fail": str(policy.fail_window.to_timedelta())}
        if policy
        else None,
        "columns": {column.name: column.type for column in schema.columns} if schema else None,
        "metadata": {name: value for name, value in sorted(spec.metadata.items()) if isinstance(value, str)},
    }


if __name__ == "__main__":
    from cryptoflow.definitions import defs as front_door

    SNAPSHOT.write_text(surface_text(front_door))
