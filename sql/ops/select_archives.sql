-- Purpose: every archived part, or those of one table or day.
-- Parameters: table_name (NULL: all), day (NULL: all).
-- Reads: ops.archives. Writes: nothing.
SELECT
    table_name,
    day,
    part,
    path,
    row_count,
    file_bytes,
    sha256,
    newest_recorded_at,
    archived_at
FROM ops.archives
WHERE
    (%(table_name)s::text IS NULL OR table_name = %(table_name)s)
    AND (%(day)s::date IS NULL OR day = %(day)s)
ORDER BY table_name, day, part;
