-- Engines, the leases by which they own campaigns, agents' shifts and how the time of a shift was spent.

-- name: start_engine
-- A new engine with the next epoch.
INSERT INTO engine (id, host) VALUES (nextval('engine_epoch'), $1) RETURNING id;

-- name: end_engine
-- The engine has left: its leases are free at once.
WITH ended AS (
    UPDATE engine SET ended_at = app_now() WHERE id = $1 AND ended_at IS NULL
)
DELETE FROM campaign_lease WHERE engine_id = $1;

-- name: beat
-- The engine lives; no row if it has ended, or was taken for dead.
UPDATE engine SET seen_at = app_now() WHERE id = $1 AND ended_at IS NULL RETURNING id;

-- name: living_engines
-- Engines that have not ended and gave a sign of life within $1 seconds.
SELECT id, host, started_at, seen_at
FROM engine
WHERE ended_at IS NULL AND seen_at > app_now() - make_interval(secs => $1::float8)
ORDER BY id;

-- name: bury_engines
-- End the engines that are silent and lead no campaign; they and ended ones that left calls behind are returned.
WITH buried AS (
    UPDATE engine silent
    SET ended_at = app_now()
    WHERE silent.id <> $1
      AND silent.ended_at IS NULL
      AND silent.seen_at <= app_now() - make_interval(secs => $2::float8)
      AND NOT EXISTS (
          SELECT FROM campaign_lease l WHERE l.engine_id = silent.id AND l.lease_until > app_now()
      )
      -- Who has been silent himself has no right to judge: the database may have been away from everybody.
      AND EXISTS (
          SELECT FROM engine me
          WHERE me.id = $1 AND me.ended_at IS NULL AND me.seen_at > app_now() - make_interval(secs => $2::float8)
      )
    RETURNING silent.id
)
SELECT id FROM buried
UNION
SELECT engine.id
FROM engine
WHERE engine.id <> $1 AND engine.ended_at IS NOT NULL
  AND EXISTS (SELECT FROM inflight f WHERE f.engine_id = engine.id)
ORDER BY id;

-- name: trunks
-- Every trunk that an engine may have opened.
SELECT DISTINCT trunk FROM campaign ORDER BY trunk;

-- name: left_behind
-- What the rules must know of leads in flight ($1: attempts), as far as their engines have ended.
SELECT f.attempt_id, list.temperature, f.needs_agent, f.promise_id, campaign.rules,
       lead.counted_attempts, number.counted_attempts AS number_counted, lead.promise_attempts,
       CASE WHEN lead.uncounted_on = (app_now() AT TIME ZONE 'UTC')::date THEN lead.uncounted_today ELSE 0 END
           AS uncounted_today,
       lead.same_outcome_run, lead.last_outcome
FROM inflight f
JOIN engine ON engine.id = f.engine_id
JOIN campaign ON campaign.id = f.campaign_id
JOIN list ON list.id = f.list_id
JOIN lead ON lead.id = f.lead_id
JOIN number ON number.id = f.number_id
WHERE f.attempt_id = ANY ($1::bigint[]) AND engine.ended_at IS NOT NULL
ORDER BY f.attempt_id;

-- name: left_in_wrapup
-- Leads whose last conversation, of an engine that is gone, has no disposition; counters as before it.
SELECT talk.id AS attempt_id, lead.id AS lead_id, lead.campaign_id, talk.agent_id, talk.temperature,
       false AS needs_agent, talk.promise_id, campaign.rules,
       greatest(lead.counted_attempts - (talk.promise_id IS NULL)::integer, 0) AS counted_attempts,
       greatest(number.counted_attempts - (talk.promise_id IS NULL)::integer, 0) AS number_counted,
       greatest(lead.promise_attempts - (talk.promise_id IS NOT NULL)::integer, 0) AS promise_attempts,
       lead.uncounted_today, greatest(lead.same_outcome_run - 1, 0) AS same_outcome_run, lead.last_outcome
FROM lead
CROSS JOIN LATERAL (
    SELECT * FROM attempt WHERE attempt.lead_id = lead.id ORDER BY attempt.started_at DESC, attempt.id DESC LIMIT 1
) AS talk
JOIN engine ON engine.id = talk.engine_id
JOIN campaign ON campaign.id = lead.campaign_id
JOIN number ON number.id = lead.number_id
WHERE lead.state = 'wrapup' AND talk.agent_id IS NOT NULL AND engine.ended_at IS NOT NULL
  AND NOT EXISTS (SELECT FROM disposition d WHERE d.attempt_id = talk.id)
ORDER BY talk.id;

-- name: close_forgotten_shifts
-- Shifts that no living engine leads ($2: those of engine $1) ended with the last that was seen of them.
UPDATE shift
SET ended_at = greatest(
    shift.started_at,
    (SELECT max(to_at) FROM agent_interval WHERE agent_interval.shift_id = shift.id)
)
WHERE ended_at IS NULL AND id <> ALL ($2::bigint[])
  AND NOT EXISTS (SELECT FROM engine other WHERE other.id <> $1 AND other.ended_at IS NULL)
RETURNING id;

-- name: take_lease
-- Take or renew the lease of a campaign, by the database's clock; no row if another engine holds it.
INSERT INTO campaign_lease AS held (campaign_id, engine_id, lease_until)
SELECT $1, engine.id, app_now() + make_interval(secs => $3::float8)
FROM engine
WHERE engine.id = $2 AND engine.ended_at IS NULL
ON CONFLICT (campaign_id) DO UPDATE
SET engine_id = excluded.engine_id, lease_until = excluded.lease_until
WHERE held.engine_id = excluded.engine_id
   OR held.lease_until <= app_now()
   OR EXISTS (SELECT FROM engine gone WHERE gone.id = held.engine_id AND gone.ended_at IS NOT NULL)
RETURNING engine_id;

-- name: running_campaigns
-- Campaigns that are to be dialled.
SELECT campaign.id, campaign.client_id, client.name AS client, campaign.name, campaign.state, campaign.mode,
       campaign.trunk, campaign.caller_id, campaign.rules, campaign.rules_version, campaign.abandon_message
FROM campaign
JOIN client ON client.id = campaign.client_id
WHERE campaign.state = 'running'
ORDER BY campaign.id;

-- name: campaign_agents
-- Who works in a campaign.
SELECT agent.id, agent.login, agent.name, agent.endpoint, agent.wanted
FROM campaign_agent
JOIN agent ON agent.id = campaign_agent.agent_id
WHERE campaign_agent.campaign_id = $1
ORDER BY agent.id;

-- name: floor_plan
-- Every agent, what he wants, and the campaigns he works in.
SELECT agent.id, agent.login, agent.name, agent.endpoint, agent.wanted,
       coalesce(array_agg(campaign_agent.campaign_id) FILTER (WHERE campaign_agent.campaign_id IS NOT NULL), '{}')
           AS campaigns
FROM agent
LEFT JOIN campaign_agent ON campaign_agent.agent_id = agent.id
GROUP BY agent.id
ORDER BY agent.id;

-- name: disposition_kinds
-- What an agent may say of a conversation.
SELECT code, label, contact, decision_maker, on_target, goal, sale, refused, promise, dnc, lead_state
FROM disposition_kind
ORDER BY position;

-- name: close_forgotten_shift
-- A shift that a crash left open ended with the last that was seen of it.
UPDATE shift
SET ended_at = greatest(
    shift.started_at,
    least(
        $2::timestamptz,
        coalesce(
            (SELECT max(to_at) FROM agent_interval WHERE agent_interval.shift_id = shift.id),
            shift.started_at
        )
    )
)
WHERE agent_id = $1 AND ended_at IS NULL;

-- name: start_shift
-- An agent starts to work.
INSERT INTO shift (agent_id, started_at) VALUES ($1, $2) RETURNING id;

-- name: end_shift
-- An agent stops working.
UPDATE shift SET ended_at = greatest(started_at, $2::timestamptz) WHERE id = $1 AND ended_at IS NULL;

-- name: record_intervals
-- How agents' time was spent ($1: intervals as JSON); an interval that is there already is left as it is.
INSERT INTO agent_interval (agent_id, shift_id, campaign_id, state, from_at, to_at, attempt_id)
SELECT agent_id, shift_id, campaign_id, state, from_at, greatest(from_at, to_at), attempt_id
FROM jsonb_to_recordset($1::jsonb) AS i (
    agent_id bigint, shift_id bigint, campaign_id bigint, state text, from_at timestamptz, to_at timestamptz,
    attempt_id bigint
)
ON CONFLICT DO NOTHING;
