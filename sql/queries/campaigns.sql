-- Administration: clients, campaigns, their rules and hours, agents.

-- name: make_client
-- A client; no row if the name is taken.
INSERT INTO client (name) VALUES ($1) ON CONFLICT DO NOTHING RETURNING id;

-- name: client_by_name
-- A client's id.
SELECT id FROM client WHERE name = $1;

-- name: make_campaign
-- A campaign in state draft; no row if the name is taken.
INSERT INTO campaign (client_id, name, mode, trunk, caller_id, rules, abandon_message)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (name) DO NOTHING
RETURNING id;

-- name: campaign_by_name
-- A campaign with its client and rules.
SELECT campaign.id, campaign.client_id, client.name AS client, campaign.name, campaign.state, campaign.mode,
       campaign.trunk, campaign.caller_id, campaign.rules, campaign.rules_version, campaign.abandon_message
FROM campaign
JOIN client ON client.id = campaign.client_id
WHERE campaign.name = $1;

-- name: campaigns
-- Every campaign with the number of its leads, of those that are done with, of its agents and attempts.
SELECT campaign.id, campaign.client_id, client.name AS client, campaign.name, campaign.state, campaign.mode,
       campaign.trunk, campaign.caller_id, campaign.rules, campaign.rules_version, campaign.abandon_message,
       leads.total AS leads, leads.finished,
       (SELECT count(*) FROM campaign_agent a WHERE a.campaign_id = campaign.id) AS agents,
       (SELECT count(*) FROM attempt a WHERE a.campaign_id = campaign.id) AS attempts
FROM campaign
JOIN client ON client.id = campaign.client_id
CROSS JOIN LATERAL (
    SELECT count(*) AS total,
           count(*) FILTER (WHERE lead.state NOT IN ('queued', 'inflight', 'wrapup', 'blocked')) AS finished
    FROM lead
    WHERE lead.campaign_id = campaign.id
) AS leads
ORDER BY campaign.id;

-- name: set_state
-- Start, pause or finish a campaign.
UPDATE campaign SET state = $2 WHERE id = $1 RETURNING id;

-- name: set_rules
-- New rules are a new version, so that every attempt can name the one it was dialled under.
UPDATE campaign SET rules = $2, rules_version = rules_version + 1 WHERE id = $1 RETURNING rules_version;

-- name: set_abandon_message
-- What a person hears when no agent is free in time.
UPDATE campaign SET abandon_message = $2 WHERE id = $1 RETURNING id;

-- name: zone_sets
-- The sets of zones in which the campaign has leads.
SELECT zones FROM zone_set
WHERE id IN (SELECT zone_set_id FROM lead WHERE campaign_id = $1)
ORDER BY id;

-- name: make_list
-- A list, unless there is one of that name.
INSERT INTO list (campaign_id, name, temperature) VALUES ($1, $2, $3) ON CONFLICT (campaign_id, name) DO NOTHING;

-- name: list_by_name
-- A list of a campaign.
SELECT id, temperature FROM list WHERE campaign_id = $1 AND name = $2;

-- name: make_agent
-- An agent; no row if the login or the endpoint is taken.
INSERT INTO agent (login, name, endpoint) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING id;

-- name: agents
-- Every agent.
SELECT id, login, name, endpoint, wanted FROM agent ORDER BY login;

-- name: agents_by_login
-- The agents with these logins.
SELECT id, login, name, endpoint, wanted FROM agent WHERE login = ANY ($1::text[]) ORDER BY login;

-- name: set_wanted
-- What the agent asks for: ready, paused or offline.
UPDATE agent SET wanted = $2 WHERE id = $1 RETURNING id;

-- name: assign_agents
-- These agents work in the campaign, besides those who do.
INSERT INTO campaign_agent (campaign_id, agent_id) SELECT $1, unnest($2::bigint[]) ON CONFLICT DO NOTHING;

-- name: withdraw_agents
-- These agents no longer work in the campaign.
DELETE FROM campaign_agent WHERE campaign_id = $1 AND agent_id = ANY ($2::bigint[]);
