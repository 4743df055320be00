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

-- name: unrecorded
-- Of these attempts, those not in flight and without a recording; with the campaign if they were bridged.
SELECT given.attempt_id, max(attempt.campaign_id) FILTER (WHERE attempt.bridged_at IS NOT NULL) AS campaign_id
FROM unnest($1::bigint[]) AS given (attempt_id)
LEFT JOIN attempt ON attempt.id = given.attempt_id
WHERE NOT EXISTS (SELECT FROM inflight WHERE inflight.attempt_id = given.attempt_id)
  AND NOT EXISTS (SELECT FROM recording WHERE recording.attempt_id = given.attempt_id)
GROUP BY given.attempt_id
ORDER BY given.attempt_id;
