-- Purpose: keep in mind that a day of a table was written to a file.
-- Parameters: table_name, day, part, path, row_count, file_bytes, sha256, newest_recorded_at.
-- Writes: ops.archives.
-- Idempotent: no; a part is written once, in the transaction that lets the day go.
INSERT INTO ops.archives (
    table_name,
    day,
    part,
    path,
    row_count,
    file_bytes,
    sha256,
    newest_recorded_at
)
VALUES (
    %(table_name)s,
    %(day)s,
    %(part)s,
    %(path)s,
    %(row_count)s,
    %(file_bytes)s,
    %(sha256)s,
    %(newest_recorded_at)s
);
