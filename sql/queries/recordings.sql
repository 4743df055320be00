-- Recordings by attempt: begun while the call is up, stored or lost afterwards.

-- name: begin
-- A call is being recorded; beginning again changes nothing.
INSERT INTO recording (attempt_id, campaign_id, path, state, started_at)
VALUES ($1, $2, $3, 'recording', $4)
ON CONFLICT (attempt_id) DO NOTHING;

-- name: stored
-- The file is in the archive, with its size, length and checksum.
UPDATE recording
SET state = 'stored', path = $2, bytes = $3, duration_ms = $4, sha256 = $5, stored_at = app_now()
WHERE attempt_id = $1
RETURNING attempt_id;

-- name: lost
-- There is no file to store; what is stored stays so.
UPDATE recording SET state = 'lost' WHERE attempt_id = $1 AND state = 'recording';

-- name: unfinished
-- Begun, and neither stored nor lost.
SELECT attempt_id, campaign_id, path FROM recording WHERE state = 'recording' ORDER BY attempt_id;
