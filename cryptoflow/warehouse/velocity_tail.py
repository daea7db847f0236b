"""The windows of the newest minutes, from the integrals that stand in earlier rows: the same cost whatever the history.

What does not belong here: the figures that follow from windows (velocity_statements).
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptoflow.warehouse.velocity_fragments import HOLD_TIME, HOURS, MINUTE, day, reading, seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class _Before:
    """What held from midnight to an instant, for each of some rows.

    Midnight is that of the day to which the minute before the instant belongs, unless it is given. What held is told by
    the last row before: one of that day brings its own integral, one of the day before only what holds over midnight.

    Nearly always there is a row of the very minute before. These lie between `first` and `last`, and are joined at once
    for all assets; only where there is none, the last one is looked for, asset by asset.
    """

    name: str
    rows: str
    instant: str
    first: str
    last: str
    midnight: str | None = None

    @property
    def join(self) -> str:
        """Joins the row of the very minute before."""
        return f"""
            LEFT JOIN market.velocity AS {self.name}
                ON
                    {self.rows}.asset_id = {self.name}.asset_id
                    AND {self.name}.bucket = {self.instant} - {MINUTE}
                    AND {self.name}.bucket >= {self.first}
                    AND {self.name}.bucket <= {self.last}
        """

    @property
    def column(self) -> str:
        """What held, as [integral, seconds]; NULL when there is no row before."""
        since = self.midnight or day(f"{self.instant} - {MINUTE}")
        is_known = "NOT last.unavailable ? 'velocity'"
        holds = seconds(
            f"least({self.instant}, last.bucket + {HOLD_TIME})", f"greatest(last.bucket + {MINUTE}, {since})"
        )
        return f"""
            CASE
                -- It ends at the instant: nothing of it holds on.
                WHEN {self.name}.bucket >= {since} THEN ARRAY[{self.name}.integral, {self.name}.held_seconds]
                WHEN {self.name}.bucket IS NULL THEN (
                    SELECT
                        ARRAY[
                            CASE WHEN last.bucket >= {since} THEN last.integral ELSE 0 END
                            + CASE WHEN {is_known} THEN last.velocity * {holds} ELSE 0 END,
                            CASE WHEN last.bucket >= {since} THEN last.held_seconds ELSE 0 END
                            + CASE WHEN {is_known} THEN {holds} ELSE 0 END
                        ]
                    FROM market.velocity AS last
                    WHERE
                        last.asset_id = {self.rows}.asset_id
                        AND last.bucket < {self.instant}
                        AND last.bucket >= {since} - {HOLD_TIME}
                        -- Known before it is run, so that no partition is planned for but those of the day, of the day
                        -- before, and of what holds over the midnight between it and the one before it.
                        AND last.bucket >= %(low)s::timestamptz - INTERVAL '2 days'
                        AND last.bucket <= %(high)s
                    ORDER BY last.bucket DESC
                    LIMIT 1
                )
            END AS {self.name}
        """


def tail_windows() -> str:
    """From each asset's first changed minute of a day to its last: every earlier integral stands in the table."""
    anchor = _Before(
        name="anchor",
        rows="running",
        instant="running.first_bucket",
        first=f"%(low)s::timestamptz - {MINUTE}",
        last=f"%(high)s::timestamptz - {MINUTE}",
        midnight="running.midnight",
    )
    midnight = f"{day('%(low)s::timestamptz')} - {MINUTE}"
    looks = [
        _Before(name="day_before", rows="ends", instant="ends.midnight", first=midnight, last=midnight),
        *(
            _Before(
                name=f"before_{hours}h",
                rows="ends",
                instant=f"ends.at - INTERVAL '{hours} hours'",
                first=f"%(low)s::timestamptz - INTERVAL '{hours} hours'",
                last=f"%(high)s::timestamptz - INTERVAL '{hours} hours'",
            )
            for hours in HOURS.values()
        ),
    ]

    def within(name: str, hours: int, place: int, until: str) -> str:
        """The window reaches into the day before: what that day held from its start on, and all of this one."""
        return f"""
            {until} - coalesce(before_{hours}h[{place}], 0)
            + CASE WHEN at - INTERVAL '{hours} hours' <= midnight THEN coalesce(day_before[{place}], 0) ELSE 0 END
                AS {name}
        """

    figures = ",".join(
        within(f"integral_{name}", hours, 1, "integral") + "," + within(f"held_{name}", hours, 2, "held")
        for name, hours in HOURS.items()
    )
    return f"""
        WITH keys AS (
            SELECT * FROM unnest(%(assets)s::int[], %(froms)s::timestamptz[]) AS keys (asset_id, first_bucket)
        ),

        closes AS (
            SELECT
                closes.bucket, closes.asset_id, closes.volume_24h_usd, closes.market_cap_usd,
                {reading("closes")} AS reading,
                lag(closes.bucket) OVER of_asset AS earlier_bucket,
                lag({reading("closes")}) OVER of_asset AS earlier_reading
            FROM keys
            INNER JOIN market.minute_close AS closes
                ON keys.asset_id = closes.asset_id AND closes.bucket >= keys.first_bucket
            WHERE closes.bucket >= %(low)s AND closes.bucket <= %(high)s
            WINDOW of_asset AS (PARTITION BY closes.asset_id ORDER BY closes.bucket)
        ),

        steps AS (
            SELECT
                closes.*,
                {
        seconds(f"least(closes.bucket, closes.earlier_bucket + {HOLD_TIME})", f"closes.earlier_bucket + {MINUTE}")
    } AS gap_seconds
            FROM closes
        ),

        running AS (
            SELECT
                steps.*,
                sum(
                    coalesce(earlier_reading * gap_seconds, 0) + coalesce(reading * 60, 0)
                ) OVER of_asset AS integral,
                sum(
                    CASE WHEN earlier_reading IS NULL THEN 0 ELSE gap_seconds END
                    + CASE WHEN reading IS NULL THEN 0 ELSE 60 END
                ) OVER of_asset AS held,
                first_value(bucket) OVER of_asset AS first_bucket,
                {day("%(low)s::timestamptz")} AS midnight
            FROM steps
            WINDOW of_asset AS (PARTITION BY asset_id ORDER BY bucket)
        ),

        -- Materialized, for what was looked up is used more than once.
        anchored AS MATERIALIZED (
            SELECT running.*, {anchor.column} FROM running {anchor.join}
        ),

        ends AS (
            SELECT
                bucket, asset_id, volume_24h_usd, market_cap_usd, reading, midnight,
                bucket + {MINUTE} AS at,
                integral + coalesce(anchor[1], 0) AS integral,
                held + coalesce(anchor[2], 0) AS held
            FROM anchored
        ),

        looked AS MATERIALIZED (
            SELECT ends.*, {", ".join(look.column for look in looks)}
            FROM ends
            {"".join(look.join for look in looks)}
        )

        SELECT bucket, asset_id, volume_24h_usd, market_cap_usd, reading, integral, held AS held_seconds, {figures}
        FROM looked
    """
