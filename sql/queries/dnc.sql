-- The do-not-call list.

-- name: add
-- Numbers nobody, or this client, may call; those that are on the list already stay as they are.
INSERT INTO dnc (e164, client_id, reason, added_by)
SELECT e164, $2::bigint, $3, $4 FROM unnest($1::bigint[]) AS e164
ON CONFLICT DO NOTHING
RETURNING e164;

-- name: remove
-- Take a number off the list.
DELETE FROM dnc WHERE e164 = $1 AND client_id IS NOT DISTINCT FROM $2::bigint RETURNING e164;

-- name: entries
-- The list, the latest entries first.
SELECT dnc.e164::text AS number, client.name AS client, dnc.reason, dnc.added_by, dnc.added_at
FROM dnc
LEFT JOIN client ON client.id = dnc.client_id
ORDER BY dnc.added_at DESC, dnc.e164
LIMIT $1;
