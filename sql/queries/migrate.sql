-- name: create_history
-- The table of applied migrations.
CREATE TABLE IF NOT EXISTS schema_migration (
    version     integer PRIMARY KEY,
    name        text NOT NULL,
    sha256      bytea NOT NULL,
    applied_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- name: has_history
-- The table's oid, or null in a database that was never migrated.
SELECT to_regclass('schema_migration')::oid;

-- name: applied
-- What was applied, with the checksum of the file at that time.
SELECT version, name, sha256 FROM schema_migration ORDER BY version;

-- name: record
-- Note an applied file.
INSERT INTO schema_migration (version, name, sha256) VALUES ($1, $2, $3);

-- name: become_migrator
-- Wait until no other migrator is at work.
SELECT pg_advisory_lock($1);

-- name: end_migrator
-- Let the next migrator in.
SELECT pg_advisory_unlock($1);
