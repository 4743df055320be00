-- The dial queue, calls in flight and what becomes of them. A lead is in exactly one place: the queue,
-- in flight, waiting for its disposition, or done with.

-- name: claim
-- Move due leads whose window is open into flight; a number in flight already waits in the queue a minute more.
WITH clock AS MATERIALIZED (
    SELECT app_now() AS at
),
open_set AS MATERIALIZED (
    SELECT DISTINCT o.zone_set_id
    FROM open_interval o, clock
    WHERE o.campaign_id = $1 AND o.opens_at <= clock.at AND o.closes_at > clock.at
),
-- Bucket by bucket, each a short walk along the primary key: leads of closed zones are never looked at.
-- Twice the limit, so that a second claimer finds more than what the first one holds.
candidate AS MATERIALIZED (
    SELECT near.*
    FROM open_set
    CROSS JOIN (VALUES (0::smallint), (1::smallint), (2::smallint), (3::smallint)) AS bucket (priority)
    CROSS JOIN LATERAL (
        SELECT q.campaign_id, q.zone_set_id, q.priority, q.due_at, q.lead_id
        FROM dial_queue q
        WHERE q.campaign_id = $1
          AND q.zone_set_id = open_set.zone_set_id
          AND q.priority = bucket.priority
          AND q.due_at <= (SELECT at FROM clock)
          AND (q.agent_id IS NULL OR q.agent_id = ANY ($4::bigint[]) OR q.agent_until <= (SELECT at FROM clock))
        ORDER BY q.due_at, q.lead_id
        LIMIT 2 * $3::integer
    ) AS near
),
picked AS MATERIALIZED (
    SELECT q.*
    FROM candidate c
    JOIN dial_queue q USING (campaign_id, zone_set_id, priority, due_at, lead_id)
    ORDER BY c.priority, c.due_at, c.lead_id
    LIMIT $3::integer
    FOR UPDATE OF q SKIP LOCKED
),
taken AS (
    -- By number, so that two claimers meet the same numbers in the same order and never wait in a circle.
    INSERT INTO inflight (lead_id, number_id, campaign_id, list_id, state, engine_id, claimed_at, zone_set_id,
                          priority, due_at, promised_agent_id, agent_until, needs_agent, promise_id)
    SELECT p.lead_id, p.number_id, p.campaign_id, lead.list_id, 'claimed', $2, clock.at, p.zone_set_id,
           p.priority, p.due_at, p.agent_id, p.agent_until, p.needs_agent, p.promise_id
    FROM clock, picked p
    JOIN lead ON lead.id = p.lead_id
    ORDER BY p.number_id, p.priority, p.due_at, p.lead_id
    ON CONFLICT DO NOTHING
    RETURNING *
),
dequeued AS (
    DELETE FROM dial_queue q USING taken WHERE q.lead_id = taken.lead_id
),
postponed AS (
    UPDATE dial_queue q
    SET due_at = clock.at + interval '1 minute'
    FROM clock, picked p
    WHERE q.lead_id = p.lead_id AND NOT EXISTS (SELECT FROM taken WHERE taken.lead_id = p.lead_id)
),
marked AS (
    UPDATE lead SET state = 'inflight' FROM taken WHERE lead.id = taken.lead_id
    RETURNING lead.id, lead.counted_attempts, lead.promise_attempts, lead.uncounted_today, lead.uncounted_on,
              lead.same_outcome_run, lead.last_outcome
)
SELECT t.attempt_id, t.lead_id, t.number_id, coalesce(number.e164::text, '') AS number, t.campaign_id, t.list_id,
       list.temperature, t.priority, t.due_at,
       -- Once the agent's own time is over anybody may keep the promise.
       CASE WHEN t.agent_until > clock.at THEN t.promised_agent_id END AS promised_agent_id,
       t.needs_agent, t.promise_id,
       m.counted_attempts, number.counted_attempts AS number_counted, m.promise_attempts,
       CASE WHEN m.uncounted_on = (clock.at AT TIME ZONE 'UTC')::date THEN m.uncounted_today ELSE 0 END
           AS uncounted_today,
       m.same_outcome_run, m.last_outcome
FROM clock, taken t
JOIN marked m ON m.id = t.lead_id
JOIN number ON number.id = t.number_id
JOIN list ON list.id = t.list_id
ORDER BY t.priority, t.due_at, t.lead_id;

-- name: promised_agents
-- Agents with a promise of their own that is due and still theirs to keep.
SELECT DISTINCT q.agent_id
FROM dial_queue q
WHERE q.campaign_id = $1
  AND q.priority = 0
  AND q.agent_id IS NOT NULL
  AND q.due_at <= app_now()
  AND q.agent_until > app_now()
  AND EXISTS (
      SELECT FROM open_interval o
      WHERE o.campaign_id = q.campaign_id AND o.zone_set_id = q.zone_set_id
        AND o.opens_at <= app_now() AND o.closes_at > app_now()
  );

-- name: unclaim
-- Put claimed leads back to where they stood.
WITH released AS (
    DELETE FROM inflight WHERE attempt_id = ANY ($1::bigint[]) AND state = 'claimed' RETURNING *
),
requeued AS (
    INSERT INTO dial_queue (campaign_id, zone_set_id, priority, due_at, lead_id, number_id, agent_id, agent_until,
                            needs_agent, promise_id)
    SELECT campaign_id, zone_set_id, priority, due_at, lead_id, number_id, promised_agent_id, agent_until,
           needs_agent, promise_id
    FROM released
    ON CONFLICT (lead_id) DO NOTHING
)
UPDATE lead SET state = 'queued' FROM released WHERE lead.id = released.lead_id;

-- name: release_claims
-- Claims of an engine in a campaign that it does not know of ($3: those it knows) go back to the queue.
WITH released AS (
    DELETE FROM inflight
    WHERE campaign_id = $1 AND engine_id = $2 AND state = 'claimed' AND attempt_id <> ALL ($3::bigint[])
    RETURNING *
),
requeued AS (
    INSERT INTO dial_queue (campaign_id, zone_set_id, priority, due_at, lead_id, number_id, agent_id, agent_until,
                            needs_agent, promise_id)
    SELECT campaign_id, zone_set_id, priority, due_at, lead_id, number_id, promised_agent_id, agent_until,
           needs_agent, promise_id
    FROM released
    ON CONFLICT (lead_id) DO NOTHING
),
marked AS (
    UPDATE lead SET state = 'queued' FROM released WHERE lead.id = released.lead_id
)
SELECT count(*) FROM released;

-- name: intend
-- The compliance gate: judge the orders, mark those that may be dialled, send the others back or to their end.
WITH clock AS MATERIALIZED (
    SELECT app_now() AS at
),
ordered AS MATERIALIZED (
    SELECT o.attempt_id, o.agent_id, o.place, row_number() OVER (PARTITION BY o.agent_id ORDER BY o.place) AS turn
    FROM unnest($7::bigint[], $8::bigint[]) WITH ORDINALITY AS o (attempt_id, agent_id, place)
),
claimed AS MATERIALIZED (
    SELECT f.*, o.agent_id AS reserved_agent_id, o.turn
    FROM ordered o
    JOIN inflight f ON f.attempt_id = o.attempt_id
    WHERE f.engine_id = $1 AND f.state = 'claimed'
    FOR UPDATE OF f
),
judged AS MATERIALIZED (
    SELECT c.*, campaign.rules_version AS current_rules_version, campaign.trunk, clock.at,
           CASE
               WHEN campaign.state <> 'running' THEN 'not_running'
               WHEN NOT EXISTS (
                   SELECT FROM campaign_lease l
                   WHERE l.campaign_id = c.campaign_id AND l.engine_id = $1 AND l.lease_until > clock.at
               ) THEN 'lease_lost'
               -- An erased number belongs to somebody who asked to be forgotten.
               WHEN number.e164 IS NULL OR EXISTS (
                   SELECT FROM dnc
                   WHERE dnc.e164 = number.e164 AND (dnc.client_id IS NULL OR dnc.client_id = campaign.client_id)
               ) THEN 'dnc'
               WHEN c.promise_id IS NOT NULL AND lead.promise_attempts >= $5 THEN 'promise_attempts'
               WHEN c.promise_id IS NULL AND greatest(lead.counted_attempts, number.counted_attempts) >= $4
                   THEN 'attempts'
               WHEN NOT EXISTS (
                   SELECT FROM open_interval o
                   WHERE o.campaign_id = c.campaign_id AND o.zone_set_id = c.zone_set_id
                     AND o.opens_at <= clock.at AND o.closes_at > clock.at
               ) THEN 'window'
               WHEN lead.uncounted_on = (clock.at AT TIME ZONE 'UTC')::date AND lead.uncounted_today >= $6
                   THEN 'uncounted'
               WHEN c.reserved_agent_id IS NOT NULL AND (
                   c.turn > 1 OR EXISTS (SELECT FROM inflight o WHERE o.agent_id = c.reserved_agent_id)
               ) THEN 'agent_busy'
           END AS blocked_by
    FROM clock, claimed c
    JOIN campaign ON campaign.id = c.campaign_id
    JOIN lead ON lead.id = c.lead_id
    JOIN number ON number.id = c.number_id
),
intended AS (
    UPDATE inflight f
    SET state = 'intent', intent_at = j.at, agent_id = j.reserved_agent_id, node = $2, node_incarnation = $3,
        rules_version = j.current_rules_version
    FROM judged j
    WHERE f.attempt_id = j.attempt_id AND j.blocked_by IS NULL
),
refused AS (
    DELETE FROM inflight f USING judged j WHERE f.attempt_id = j.attempt_id AND j.blocked_by IS NOT NULL
    RETURNING j.*
),
requeued AS (
    INSERT INTO dial_queue (campaign_id, zone_set_id, priority, due_at, lead_id, number_id, agent_id, agent_until,
                            needs_agent, promise_id)
    SELECT campaign_id, zone_set_id, priority,
           CASE WHEN blocked_by = 'uncounted'
               THEN ((at AT TIME ZONE 'UTC')::date + 1)::timestamp AT TIME ZONE 'UTC'
               ELSE due_at
           END,
           lead_id, number_id, promised_agent_id, agent_until, needs_agent, promise_id
    FROM refused
    WHERE blocked_by NOT IN ('dnc', 'attempts', 'promise_attempts')
    ON CONFLICT (lead_id) DO NOTHING
),
stepped AS (
    UPDATE lead
    SET state = CASE r.blocked_by
            WHEN 'dnc' THEN 'dnc'
            WHEN 'attempts' THEN 'exhausted'
            WHEN 'promise_attempts' THEN 'exhausted'
            ELSE 'queued'
        END
    FROM refused r
    WHERE lead.id = r.lead_id
),
blocked AS (
    INSERT INTO attempt (id, started_at, lead_id, number_id, campaign_id, list_id, promise_id, temperature, outcome,
                         counted, ended_at, trunk, node, node_incarnation, engine_id, rules_version)
    SELECT r.attempt_id, r.at, r.lead_id, r.number_id, r.campaign_id, r.list_id, r.promise_id, list.temperature,
           'BLOCKED_DNC', false, r.at, r.trunk, $2, $3, $1, r.current_rules_version
    FROM refused r
    JOIN list ON list.id = r.list_id
    WHERE r.blocked_by = 'dnc'
),
closed AS (
    UPDATE promise p
    SET state = CASE r.blocked_by WHEN 'dnc' THEN 'cancelled' ELSE 'broken' END, closed_at = r.at
    FROM refused r
    WHERE p.lead_id = r.lead_id AND p.state = 'open' AND r.blocked_by IN ('dnc', 'attempts', 'promise_attempts')
)
SELECT o.attempt_id, CASE WHEN j.attempt_id IS NULL THEN 'not_claimed' ELSE j.blocked_by END AS blocked_by,
       clock.at, coalesce(j.current_rules_version, 0) AS rules_version
FROM clock, ordered o
LEFT JOIN judged j ON j.attempt_id = o.attempt_id
ORDER BY o.place;

-- name: finish
-- Close attempts that are in flight ($1: their finals as JSON), update lead, number and promise, and requeue.
WITH final AS MATERIALIZED (
    SELECT DISTINCT ON (attempt_id) *
    FROM jsonb_to_recordset($1::jsonb) AS f (
        attempt_id bigint, temperature text, agent_id bigint, outcome text, counted boolean, started_at timestamptz,
        ringing_at timestamptz, answered_at timestamptz, bridged_at timestamptz, ended_at timestamptz, sip_code integer,
        q850 integer, hangup_by text, message_heard boolean, trunk text, node text, node_incarnation text,
        engine_id bigint, rules_version integer, pacing jsonb, next_state text, next_due_at timestamptz,
        next_priority smallint, next_agent_id bigint, next_agent_until timestamptz, next_needs_agent boolean,
        next_promise_id bigint, conversation boolean
    )
    ORDER BY attempt_id
),
gone AS (
    DELETE FROM inflight USING final WHERE inflight.attempt_id = final.attempt_id
    RETURNING inflight.lead_id, inflight.number_id, inflight.campaign_id, inflight.list_id, inflight.promise_id,
              inflight.zone_set_id, coalesce(inflight.intent_at, final.started_at) AS intent_at, final.*
),
ended AS MATERIALIZED (
    SELECT gone.*,
           -- The agent may have been quicker than this row: then the disposition has decided already.
           EXISTS (SELECT FROM disposition d WHERE d.attempt_id = gone.attempt_id) AS disposed,
           make_interval(secs => coalesce((campaign.rules ->> 'promise_tolerance_s')::float8, $2::float8)) AS tolerance,
           -- What was refused before it was sent is no dial.
           NOT gone.counted AND gone.outcome NOT IN ('NOT_PLACED', 'BLOCKED_DNC') AS uncounted,
           (gone.intent_at AT TIME ZONE 'UTC')::date AS day
    FROM gone
    JOIN campaign ON campaign.id = gone.campaign_id
),
written AS (
    INSERT INTO attempt (id, started_at, lead_id, number_id, campaign_id, list_id, agent_id, promise_id, temperature,
                         outcome, counted, ringing_at, answered_at, bridged_at, ended_at, sip_code, q850, hangup_by,
                         message_heard, trunk, node, node_incarnation, engine_id, rules_version, pacing)
    -- The start is the database's time and the end is the engine's, whose clock may be behind.
    SELECT attempt_id, intent_at, lead_id, number_id, campaign_id, list_id, agent_id, promise_id, temperature,
           outcome, counted, ringing_at, answered_at, bridged_at, greatest(ended_at, intent_at), sip_code, q850,
           hangup_by, message_heard, trunk, node, node_incarnation, engine_id, rules_version, pacing
    FROM ended
),
stepped AS (
    UPDATE lead
    SET counted_attempts = CASE WHEN e.conversation THEN 0
            ELSE lead.counted_attempts + (e.counted AND e.promise_id IS NULL)::integer END,
        promise_attempts = CASE WHEN e.conversation THEN 0
            ELSE lead.promise_attempts + (e.counted AND e.promise_id IS NOT NULL)::integer END,
        uncounted_today = CASE WHEN NOT e.uncounted THEN lead.uncounted_today
            WHEN lead.uncounted_on = e.day THEN lead.uncounted_today + 1 ELSE 1 END,
        uncounted_on = CASE WHEN e.uncounted THEN e.day ELSE lead.uncounted_on END,
        same_outcome_run = CASE WHEN lead.last_outcome = e.outcome THEN lead.same_outcome_run + 1 ELSE 1 END,
        last_outcome = e.outcome,
        last_attempt_at = e.intent_at,
        state = CASE WHEN e.disposed THEN lead.state ELSE e.next_state END
    FROM ended e
    WHERE lead.id = e.lead_id
),
numbered AS (
    UPDATE number
    SET counted_attempts = CASE WHEN e.conversation THEN 0
            ELSE number.counted_attempts + (e.counted AND e.promise_id IS NULL)::integer END,
        last_attempt_at = e.intent_at
    FROM ended e
    WHERE number.id = e.number_id
),
requeued AS (
    INSERT INTO dial_queue (campaign_id, zone_set_id, priority, due_at, lead_id, number_id, agent_id, agent_until,
                            needs_agent, promise_id)
    SELECT campaign_id, zone_set_id, next_priority, next_due_at, lead_id, number_id, next_agent_id, next_agent_until,
           next_needs_agent, next_promise_id
    FROM ended
    WHERE next_state = 'queued' AND NOT disposed
    ON CONFLICT (lead_id) DO NOTHING
)
-- A promise is judged by the first dial that rang, not earlier than the tolerance before its time. One that was
-- never tried ends with its lead.
UPDATE promise p
SET first_tried_at = CASE WHEN trial.tried THEN e.intent_at END,
    state = CASE
        WHEN trial.tried AND e.intent_at <= p.due_at + e.tolerance THEN 'kept'
        WHEN trial.tried OR e.next_state = 'exhausted' THEN 'broken'
        ELSE 'cancelled'
    END,
    closed_at = greatest(e.ended_at, e.intent_at)
FROM ended e
CROSS JOIN LATERAL (
    SELECT open.id, e.counted AND open.id = e.promise_id AND e.intent_at >= open.due_at - e.tolerance AS tried
    FROM promise open
    WHERE open.lead_id = e.lead_id AND open.state = 'open'
) AS trial
WHERE p.id = trial.id AND (trial.tried OR (NOT e.disposed AND e.next_state NOT IN ('queued', 'wrapup', 'inflight')));

-- name: disposition_kind
-- The flags of a code.
SELECT promise, dnc FROM disposition_kind WHERE code = $1;

-- name: insert_disposition
-- What the agent says; one per attempt.
INSERT INTO disposition (attempt_id, lead_id, campaign_id, agent_id, code, note, at)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: close_promise
-- A newer promise moves the open one; an end of the lead cancels it.
UPDATE promise SET state = $2, closed_at = $3 WHERE lead_id = $1 AND state = 'open';

-- name: make_promise
-- A callback with its due time.
INSERT INTO promise (lead_id, campaign_id, agent_id, made_by, attempt_id, due_at, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
RETURNING id;

-- name: step_lead
-- The lead's new state; a conversation starts its counts anew, a promise its own count.
UPDATE lead
SET state = $2,
    counted_attempts = CASE WHEN $3 THEN 0 ELSE counted_attempts END,
    promise_attempts = CASE WHEN $3 OR $4 THEN 0 ELSE promise_attempts END
WHERE id = $1
RETURNING number_id, zone_set_id;

-- name: reset_number
-- Somebody was talked to: the number's counted attempts start anew.
UPDATE number SET counted_attempts = 0 WHERE id = $1;

-- name: leave_queue
-- The lead is not to be called as it stood.
DELETE FROM dial_queue WHERE lead_id = $1;

-- name: enqueue
-- The lead is to be called at its due time.
INSERT INTO dial_queue (campaign_id, zone_set_id, priority, due_at, lead_id, number_id, agent_id, agent_until,
                        needs_agent, promise_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- name: never_call
-- The person asked the campaign's client not to call this number again.
INSERT INTO dnc (e164, client_id, reason, added_by)
SELECT number.e164, campaign.client_id, $3, agent.login
FROM number, campaign, agent
WHERE number.id = $1 AND campaign.id = $2 AND agent.id = $4 AND number.e164 IS NOT NULL
ON CONFLICT DO NOTHING;

-- name: release_stale
-- Claims that engines which are gone never used go back to the queue.
WITH released AS (
    DELETE FROM inflight f
    WHERE f.engine_id <> $1 AND f.state = 'claimed'
      AND (EXISTS (SELECT FROM engine WHERE engine.id = f.engine_id AND engine.ended_at IS NOT NULL)
           OR NOT EXISTS (
               SELECT FROM campaign_lease l
               WHERE l.campaign_id = f.campaign_id AND l.engine_id = f.engine_id AND l.lease_until > app_now()
           ))
    RETURNING *
),
requeued AS (
    INSERT INTO dial_queue (campaign_id, zone_set_id, priority, due_at, lead_id, number_id, agent_id, agent_until,
                            needs_agent, promise_id)
    SELECT campaign_id, zone_set_id, priority, due_at, lead_id, number_id, promised_agent_id, agent_until,
           needs_agent, promise_id
    FROM released
    ON CONFLICT (lead_id) DO NOTHING
)
UPDATE lead SET state = 'queued' FROM released WHERE lead.id = released.lead_id;

-- name: leftovers
-- Intents of engines that are gone: ended, or without the campaign's lease.
SELECT f.attempt_id, f.lead_id, f.number_id, f.campaign_id, f.list_id, list.temperature, f.agent_id, f.promise_id,
       f.intent_at, f.node, f.node_incarnation, f.engine_id, f.rules_version, f.priority, f.needs_agent,
       campaign.trunk, app_now() AS now
FROM inflight f
JOIN list ON list.id = f.list_id
JOIN campaign ON campaign.id = f.campaign_id
WHERE f.engine_id <> $1 AND f.state = 'intent'
  AND (EXISTS (SELECT FROM engine WHERE engine.id = f.engine_id AND engine.ended_at IS NOT NULL)
       OR NOT EXISTS (
           SELECT FROM campaign_lease l
           WHERE l.campaign_id = f.campaign_id AND l.engine_id = f.engine_id AND l.lease_until > app_now()
       ))
ORDER BY f.attempt_id;

-- name: queue_depth
-- Leads due and open now, and the next moment at which another one can be called.
WITH clock AS MATERIALIZED (
    SELECT app_now() AS at
),
bucket AS MATERIALIZED (
    SELECT z.id AS zone_set_id, p.priority,
           EXISTS (
               SELECT FROM open_interval o
               WHERE o.campaign_id = $1 AND o.zone_set_id = z.id AND o.opens_at <= clock.at AND o.closes_at > clock.at
           ) AS open,
           (SELECT min(o.opens_at) FROM open_interval o
            WHERE o.campaign_id = $1 AND o.zone_set_id = z.id AND o.opens_at > clock.at) AS opens_at
    FROM clock, zone_set z, (VALUES (0::smallint), (1::smallint), (2::smallint), (3::smallint)) AS p (priority)
),
measured AS (
    SELECT b.open, b.opens_at,
           -- What stands behind a closed window is not counted: it may be the whole base.
           CASE WHEN b.open THEN (
               SELECT count(*) FROM dial_queue q
               WHERE q.campaign_id = $1 AND q.zone_set_id = b.zone_set_id AND q.priority = b.priority
                 AND q.due_at <= (SELECT at FROM clock)
           ) ELSE 0 END AS leads,
           (SELECT min(q.due_at) FROM dial_queue q
            WHERE q.campaign_id = $1 AND q.zone_set_id = b.zone_set_id AND q.priority = b.priority) AS first_at,
           (SELECT min(q.due_at) FROM dial_queue q
            WHERE q.campaign_id = $1 AND q.zone_set_id = b.zone_set_id AND q.priority = b.priority
              AND q.due_at > (SELECT at FROM clock)) AS later_at
    FROM bucket b
)
SELECT coalesce(sum(leads) FILTER (WHERE open), 0)::bigint AS due,
       coalesce(
           min(CASE WHEN open THEN later_at
                    WHEN opens_at IS NOT NULL AND first_at IS NOT NULL THEN greatest(opens_at, first_at)
               END),
           min(first_at)
       ) AS next_at
FROM measured;

-- name: lead_states
-- Leads by state.
SELECT state, count(*) AS leads FROM lead WHERE campaign_id = $1 GROUP BY state;

-- name: lead_card
-- What an agent sees of a lead.
SELECT lead.id, person.name, person.company, person.city, person.extra, coalesce(number.e164::text, '') AS number
FROM lead
JOIN person ON person.id = lead.person_id
JOIN number ON number.id = lead.number_id
WHERE lead.id = $1;
