-- The witness's own statements: it shares none with the product. Times are seconds since 1970.

-- name: attempts
SELECT a.id, a.lead_id, a.number_id, n.e164::text AS number, a.campaign_id, a.agent_id, a.promise_id,
       a.outcome, a.counted,
       extract(epoch FROM a.started_at)::float8 AS started,
       extract(epoch FROM a.answered_at)::float8 AS answered,
       extract(epoch FROM a.bridged_at)::float8 AS bridged,
       extract(epoch FROM a.ended_at)::float8 AS ended,
       d.code AS disposition,
       extract(epoch FROM d.at)::float8 AS disposed,
       coalesce(k.contact, false) AS contact,
       k.lead_state AS final_state
FROM attempt a
LEFT JOIN number n ON n.id = a.number_id
LEFT JOIN disposition d ON d.attempt_id = a.id
LEFT JOIN disposition_kind k ON k.code = d.code
ORDER BY a.started_at, a.id;

-- name: campaigns
SELECT id, client_id, rules::text AS rules FROM campaign;

-- name: promises
SELECT id, lead_id, extract(epoch FROM due_at)::float8 AS due FROM promise;

-- name: do_not_call
SELECT e164::text AS number, client_id, extract(epoch FROM added_at)::float8 AS added FROM dnc;

-- name: inflight
SELECT attempt_id, state FROM inflight ORDER BY attempt_id;

-- name: lead_accounts
SELECT c.id AS campaign_id,
       (SELECT coalesce(sum(accepted_count), 0) FROM base WHERE campaign_id = c.id)::bigint AS accepted,
       (SELECT count(*) FROM lead WHERE campaign_id = c.id) AS leads
FROM campaign c ORDER BY c.id;

-- name: misplaced_leads
SELECT l.id AS lead_id, l.state, q.lead_id IS NOT NULL AS queued, i.lead_id IS NOT NULL AS inflight
FROM lead l
LEFT JOIN dial_queue q ON q.lead_id = l.id
LEFT JOIN inflight i ON i.lead_id = l.id
WHERE (l.state = 'queued') <> (q.lead_id IS NOT NULL)
   OR (l.state = 'inflight') <> (i.lead_id IS NOT NULL)
ORDER BY l.id;

-- name: queued_strangers
SELECT q.lead_id FROM dial_queue q WHERE NOT EXISTS (SELECT FROM lead l WHERE l.id = q.lead_id) ORDER BY q.lead_id;
