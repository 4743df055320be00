-- Loading a base into a campaign: everything here runs inside one transaction per file.

-- name: no_limits
-- A load may take minutes, and pauses between statements while the file is read.
SELECT set_config('statement_timeout', '0', true), set_config('idle_in_transaction_session_timeout', '300000', true);

-- name: one_at_a_time
-- Two loads into one campaign wait for each other, so that neither misses the other's numbers.
SELECT pg_advisory_xact_lock(18501, $1::integer);

-- name: campaign
-- A campaign with its client and rules.
SELECT campaign.id, campaign.client_id, client.name AS client, campaign.name, campaign.state, campaign.mode,
       campaign.trunk, campaign.caller_id, campaign.rules, campaign.rules_version, campaign.abandon_message
FROM campaign
JOIN client ON client.id = campaign.client_id
WHERE campaign.id = $1;

-- name: loaded
-- An earlier load of the same content.
SELECT id, row_count, accepted_count, zone_unknown_count FROM base WHERE campaign_id = $1 AND content_sha256 = $2;

-- name: reject_counts
-- A base's rejects by reason.
SELECT reason, count(*) AS rows FROM base_reject WHERE base_id = $1 GROUP BY reason ORDER BY count(*) DESC, reason;

-- name: begin_base
-- The base's own row; its counts are filled in at the end.
INSERT INTO base (campaign_id, file_name, content_sha256, encoding, separator, mapping, row_count, accepted_count,
                  zone_unknown_count, default_zone, loaded_by)
VALUES ($1, $2, $3, $4, $5, $6, 0, 0, 0, $7, $8)
RETURNING id;

-- name: list_of
-- The list by its name.
SELECT id, temperature FROM list WHERE campaign_id = $1 AND name = $2;

-- name: make_list
-- A new list.
INSERT INTO list (campaign_id, name, temperature) VALUES ($1, $2, $3) RETURNING id;

-- name: make_staging
-- Where the rows of the file wait; gone with the transaction.
CREATE TEMPORARY TABLE staged (
    line         integer NOT NULL,
    e164         bigint NOT NULL,
    name         text NOT NULL,
    company      text NOT NULL,
    city         text NOT NULL,
    extra        jsonb NOT NULL,
    zone_set_id  smallint,
    columns      text[] NOT NULL
) ON COMMIT DROP;

-- name: zone_set_of
-- A set of zones by its content.
SELECT id FROM zone_set WHERE zones = $1::text[];

-- name: make_zone_set
-- A set of zones that nobody was in yet; no row if somebody else has just made it.
INSERT INTO zone_set (zones) VALUES ($1::text[]) ON CONFLICT DO NOTHING RETURNING id;

-- name: close_hours
-- Forget the intervals of a set that are not over yet.
DELETE FROM open_interval
WHERE campaign_id = $1 AND zone_set_id = $2 AND closes_at > $3;

-- name: open_hours
-- The intervals in which a set of zones may be called.
INSERT INTO open_interval (campaign_id, zone_set_id, opens_at, closes_at)
SELECT $1, $2, span.opens_at, span.closes_at
FROM unnest($3::timestamptz[], $4::timestamptz[]) AS span (opens_at, closes_at)
ON CONFLICT (campaign_id, zone_set_id, opens_at) DO UPDATE SET closes_at = excluded.closes_at;

-- name: analyze_staging
-- A temporary table has no statistics of its own.
ANALYZE staged;

-- name: reject_unusable
-- Numbers met before in the file, on a do-not-call list or in the campaign: one reason each, in that order.
WITH judged AS (
    SELECT s.line, s.columns,
           CASE
               WHEN row_number() OVER (PARTITION BY s.e164 ORDER BY s.line) > 1 THEN 'duplicate in file'
               WHEN EXISTS (
                   SELECT FROM dnc WHERE dnc.e164 = s.e164 AND (dnc.client_id IS NULL OR dnc.client_id = $3)
               ) THEN 'do-not-call'
               WHEN EXISTS (
                   SELECT FROM number
                   JOIN lead ON lead.number_id = number.id AND lead.campaign_id = $2
                   WHERE number.e164 = s.e164
               ) THEN 'already in campaign'
           END AS reason
    FROM staged s
),
rejected AS (
    INSERT INTO base_reject (base_id, line, reason, columns)
    SELECT $1, line, reason, columns FROM judged WHERE reason IS NOT NULL
    RETURNING line
)
DELETE FROM staged USING rejected WHERE staged.line = rejected.line;

-- name: add_numbers
-- Numbers that were never seen; in order, so that two loads never wait in a circle.
INSERT INTO number (e164)
SELECT s.e164 FROM staged s
WHERE NOT EXISTS (SELECT FROM number WHERE number.e164 = s.e164)
ORDER BY s.e164
ON CONFLICT DO NOTHING;

-- name: add_persons
-- Persons of the client; what the file says anew replaces what was known, what it leaves out stays.
INSERT INTO person (client_id, number_id, name, company, city, extra)
SELECT $1, number.id, s.name, s.company, s.city, s.extra
FROM staged s
JOIN number ON number.e164 = s.e164
ORDER BY number.id
ON CONFLICT (client_id, number_id) DO UPDATE
SET name = coalesce(nullif(excluded.name, ''), person.name),
    company = coalesce(nullif(excluded.company, ''), person.company),
    city = coalesce(nullif(excluded.city, ''), person.city),
    extra = person.extra || excluded.extra;

-- name: enrol
-- Leads in the order of the file; those whose zone is known stand in the dial queue at once.
WITH clock AS MATERIALIZED (
    SELECT app_now() AS at
),
enrolled AS (
    INSERT INTO lead (campaign_id, list_id, base_id, person_id, number_id, zone_set_id, state, priority)
    SELECT $1, $2, $3, person.id, number.id, s.zone_set_id,
           CASE WHEN s.zone_set_id IS NULL THEN 'blocked' ELSE 'queued' END, $5
    FROM staged s
    JOIN number ON number.e164 = s.e164
    JOIN person ON person.number_id = number.id AND person.client_id = $4
    ORDER BY s.line
    RETURNING id, number_id, zone_set_id, priority
),
queued AS (
    INSERT INTO dial_queue (campaign_id, zone_set_id, priority, due_at, lead_id, number_id)
    SELECT $1, enrolled.zone_set_id, enrolled.priority, clock.at, enrolled.id, enrolled.number_id
    FROM clock, enrolled
    WHERE enrolled.zone_set_id IS NOT NULL
)
SELECT count(*) AS accepted, count(*) FILTER (WHERE zone_set_id IS NULL) AS zone_unknown FROM enrolled;

-- name: end_base
-- The base's counts.
UPDATE base SET row_count = $2, accepted_count = $3, zone_unknown_count = $4 WHERE id = $1;

-- name: rejects
-- A base's rejects in the order of the file.
SELECT line, reason, columns FROM base_reject WHERE base_id = $1 ORDER BY line;
