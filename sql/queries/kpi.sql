-- Facts for the reports. A call belongs to the period in which it was started, with all that follows it.

-- name: kpi_limits
-- A report may take longer than a statement of the engine, and its reader may be slow ($1, $2: milliseconds as text).
SELECT set_config('statement_timeout', $1, true), set_config('idle_in_transaction_session_timeout', $2, true);

-- name: kpi_campaign
-- The campaign and its client.
SELECT campaign.name, client.name AS client
FROM campaign
JOIN client ON client.id = campaign.client_id
WHERE campaign.id = $1;

-- name: kpi_lists
-- Lists of the campaign, with the leads that were accepted into each.
SELECT list.id, list.name, list.temperature, count(lead.id) AS accepted
FROM list
LEFT JOIN lead ON lead.list_id = list.id
WHERE list.campaign_id = $1
GROUP BY list.id
ORDER BY list.id;

-- name: kpi_lead_states
-- Where the campaign's leads stand now.
SELECT state, count(*) AS leads FROM lead WHERE campaign_id = $1 GROUP BY state;

-- name: kpi_calls
-- Counts over [$2, $3): all, per list and per agent. $4: codes that say it was no person; $5: outcomes that were
-- never dialled; $6: faults of the trunk; $7: outcomes that leave an answered customer without an agent.
WITH call AS MATERIALIZED (
    SELECT t.lead_id, t.list_id, t.agent_id, t.outcome, t.counted,
           t.outcome <> ALL ($5::text[]) AS dialled,
           t.answered_at IS NOT NULL AS connected,
           t.bridged_at IS NOT NULL AS handled,
           t.bridged_at IS NOT NULL AND coalesce(d.code = ANY ($4::text[]), false) AS machine,
           t.outcome = ANY ($7::text[]) AND t.answered_at IS NOT NULL AND t.bridged_at IS NULL AS abandoned,
           extract(epoch FROM t.ended_at - t.answered_at)::float8 AS connected_s,
           extract(epoch FROM t.ended_at - t.bridged_at)::float8 AS talk_s,
           extract(epoch FROM t.bridged_at - t.answered_at)::float8 AS wait_s,
           w.wrapup_s, k.contact, k.decision_maker, k.on_target, k.refused, k.goal, k.sale
    FROM attempt t
    LEFT JOIN disposition d ON d.attempt_id = t.id
    LEFT JOIN disposition_kind k ON k.code = d.code
    LEFT JOIN (
        SELECT attempt_id, sum(extract(epoch FROM to_at - from_at))::float8 AS wrapup_s
        FROM agent_interval
        WHERE state = 'wrapup' AND attempt_id IS NOT NULL AND from_at >= $2
        GROUP BY attempt_id
    ) w ON w.attempt_id = t.id
    WHERE t.campaign_id = $1 AND t.started_at >= $2 AND t.started_at < $3
)
SELECT grouping(list_id) = 0 AS by_list, grouping(agent_id) = 0 AS by_agent, list_id, agent_id,
       count(*) AS attempts,
       count(*) FILTER (WHERE dialled) AS dialled,
       count(*) FILTER (WHERE counted) AS counted,
       count(*) FILTER (WHERE connected) AS connected,
       count(*) FILTER (WHERE handled) AS handled,
       count(*) FILTER (WHERE machine) AS machines,
       count(*) FILTER (WHERE abandoned) AS abandoned,
       count(*) FILTER (WHERE outcome = 'CUSTOMER_HUNG_EARLY') AS hung_early,
       count(*) FILTER (WHERE outcome = ANY ($6::text[])) AS trunk_faults,
       count(*) FILTER (WHERE handled AND NOT machine AND goal) AS goals,
       coalesce(sum(connected_s), 0) AS connected_s,
       coalesce(sum(talk_s), 0) AS talk_s,
       coalesce(sum(wrapup_s) FILTER (WHERE handled), 0) AS wrapup_s,
       percentile_disc(0.50) WITHIN GROUP (ORDER BY wait_s) AS wait_p50_s,
       percentile_disc(0.95) WITHIN GROUP (ORDER BY wait_s) AS wait_p95_s,
       count(DISTINCT lead_id) AS leads,
       count(DISTINCT lead_id) FILTER (WHERE counted) AS leads_counted,
       count(DISTINCT lead_id) FILTER (WHERE connected) AS leads_connected,
       count(DISTINCT lead_id) FILTER (WHERE abandoned OR (handled AND NOT machine)) AS leads_person,
       count(DISTINCT lead_id) FILTER (WHERE contact) AS leads_contact,
       count(DISTINCT lead_id) FILTER (WHERE decision_maker) AS leads_decision_maker,
       count(DISTINCT lead_id) FILTER (WHERE on_target) AS leads_on_target,
       count(DISTINCT lead_id) FILTER (WHERE on_target AND refused) AS leads_refused,
       count(DISTINCT lead_id) FILTER (WHERE goal) AS leads_goal,
       count(DISTINCT lead_id) FILTER (WHERE sale) AS leads_sale
FROM call
GROUP BY GROUPING SETS ((), (list_id), (agent_id));

-- name: kpi_results
-- Attempts of [$2, $3) by outcome and disposition.
SELECT t.outcome, d.code, coalesce(k.label, '') AS label, count(*) AS number
FROM attempt t
LEFT JOIN disposition d ON d.attempt_id = t.id
LEFT JOIN disposition_kind k ON k.code = d.code
WHERE t.campaign_id = $1 AND t.started_at >= $2 AND t.started_at < $3
GROUP BY t.outcome, d.code, k.label;

-- name: kpi_lead_results
-- Leads attempted in [$2, $3), by the outcome of their last attempt and the last disposition they were given.
WITH call AS MATERIALIZED (
    SELECT t.id, t.lead_id, t.started_at, t.outcome, d.code
    FROM attempt t
    LEFT JOIN disposition d ON d.attempt_id = t.id
    WHERE t.campaign_id = $1 AND t.started_at >= $2 AND t.started_at < $3
),
last_call AS (
    SELECT DISTINCT ON (lead_id) lead_id, outcome FROM call ORDER BY lead_id, started_at DESC, id DESC
),
last_word AS (
    SELECT DISTINCT ON (lead_id) lead_id, code FROM call WHERE code IS NOT NULL
    ORDER BY lead_id, started_at DESC, id DESC
)
SELECT last_call.outcome, last_word.code, coalesce(k.label, '') AS label, count(*) AS number
FROM last_call
LEFT JOIN last_word USING (lead_id)
LEFT JOIN disposition_kind k ON k.code = last_word.code
GROUP BY last_call.outcome, last_word.code, k.label;

-- name: kpi_agents
-- Who works in the campaign, or had a call of it in [$2, $3), and how all of their time in it was spent: waiting
-- belongs to no campaign, so whoever works in several shows the same time in each.
WITH staff AS (
    SELECT agent_id FROM campaign_agent WHERE campaign_id = $1
    UNION
    SELECT agent_id FROM attempt
    WHERE campaign_id = $1 AND started_at >= $2 AND started_at < $3 AND agent_id IS NOT NULL
),
spent AS (
    SELECT agent_id, state,
           extract(epoch FROM least(to_at, $3) - greatest(from_at, $2))::float8 AS seconds,
           state = 'talking' AND from_at >= $2 AS talk
    FROM agent_interval
    WHERE from_at < $3 AND to_at >= $2 AND agent_id IN (SELECT agent_id FROM staff)
)
SELECT agent.id, agent.name,
       coalesce(sum(seconds) FILTER (WHERE state = 'connecting'), 0) AS connecting,
       coalesce(sum(seconds) FILTER (WHERE state = 'ready'), 0) AS ready,
       coalesce(sum(seconds) FILTER (WHERE state = 'reserved'), 0) AS reserved,
       coalesce(sum(seconds) FILTER (WHERE state = 'talking'), 0) AS talking,
       coalesce(sum(seconds) FILTER (WHERE state = 'wrapup'), 0) AS wrapup,
       coalesce(sum(seconds) FILTER (WHERE state = 'paused'), 0) AS paused,
       count(*) FILTER (WHERE talk) AS talks
FROM staff
JOIN agent ON agent.id = staff.agent_id
LEFT JOIN spent ON spent.agent_id = agent.id
GROUP BY agent.id
ORDER BY agent.id;

-- name: kpi_promises
-- Promises that fell due in [$2, $3); the campaign's own tolerance, or else $4 seconds. Nobody is charged for a time
-- at which no engine ran.
WITH judged_by AS (
    SELECT make_interval(secs => coalesce((rules ->> 'promise_tolerance_s')::float8, $4::float8)) AS tolerance
    FROM campaign
    WHERE id = $1
),
due AS (
    SELECT p.state, p.due_at + tolerance < app_now() AS passed,
           p.first_tried_at IS NOT NULL AS tried,
           p.first_tried_at <= p.due_at + tolerance AS in_time,
           EXISTS (
               SELECT FROM engine e
               WHERE e.started_at <= p.due_at + tolerance
                 AND (e.ended_at IS NULL OR e.ended_at >= p.due_at - tolerance)
           ) AS engine_ran
    FROM promise p
    CROSS JOIN judged_by
    WHERE p.campaign_id = $1 AND p.due_at >= $2 AND p.due_at < $3
),
judged AS (
    SELECT CASE
               WHEN state IN ('moved', 'cancelled') THEN state
               WHEN state = 'kept' AND coalesce(in_time, true) THEN 'kept'
               WHEN state = 'open' AND NOT passed THEN 'pending'
               WHEN NOT engine_ran THEN 'excused'
               WHEN tried THEN 'kept_late'
               ELSE 'broken'
           END AS verdict
    FROM due
)
SELECT count(*) FILTER (WHERE verdict = 'moved') AS moved,
       count(*) FILTER (WHERE verdict = 'cancelled') AS cancelled,
       count(*) FILTER (WHERE verdict = 'excused') AS excused,
       count(*) FILTER (WHERE verdict = 'pending') AS pending,
       count(*) FILTER (WHERE verdict = 'kept') AS kept,
       count(*) FILTER (WHERE verdict = 'kept_late') AS kept_late,
       count(*) FILTER (WHERE verdict = 'broken') AS broken
FROM judged;

-- name: kpi_live
-- The campaign's last $2 hours. $3: codes that say it was no person; $4: outcomes that were never dialled;
-- $5: outcomes that leave an answered customer without an agent.
WITH call AS (
    SELECT t.outcome <> ALL ($4::text[]) AS dialled,
           t.answered_at IS NOT NULL AS connected,
           t.bridged_at IS NOT NULL AND NOT coalesce(d.code = ANY ($3::text[]), false) AS conversation,
           t.outcome = ANY ($5::text[]) AND t.answered_at IS NOT NULL AND t.bridged_at IS NULL AS abandoned
    FROM attempt t
    LEFT JOIN disposition d ON d.attempt_id = t.id
    WHERE t.campaign_id = $1 AND t.started_at >= app_now() - make_interval(secs => $2::float8 * 3600)
)
SELECT count(*) FILTER (WHERE abandoned) AS abandoned,
       count(*) FILTER (WHERE abandoned OR conversation) AS persons,
       count(*) FILTER (WHERE connected) AS connected,
       count(*) FILTER (WHERE dialled) AS dialled
FROM call;

-- name: kpi_outcomes_since
-- Attempts of the campaign that began at or after $2, by outcome.
SELECT outcome, count(*) AS number FROM attempt WHERE campaign_id = $1 AND started_at >= $2 GROUP BY outcome;

-- name: kpi_attempts
-- Attempts of [$2, $3), oldest first; $4: with the number, where it was not erased.
SELECT t.id, t.lead_id, t.number_id, t.list_id, t.agent_id, t.temperature, t.outcome, d.code AS disposition, t.counted,
       t.started_at, t.ringing_at, t.answered_at, t.bridged_at, t.ended_at,
       extract(epoch FROM t.ended_at - t.bridged_at)::float8 AS talk_s,
       t.sip_code, t.q850, t.hangup_by, t.trunk, t.rules_version, n.e164::text AS number
FROM attempt t
LEFT JOIN disposition d ON d.attempt_id = t.id
LEFT JOIN number n ON $4::boolean AND n.id = t.number_id
WHERE t.campaign_id = $1 AND t.started_at >= $2 AND t.started_at < $3
ORDER BY t.started_at, t.id;
