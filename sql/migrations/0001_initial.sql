-- The ground: people, bases, lists, leads; the dial queue; calls in flight; attempts and what follows them.
-- Attempts are inserted once and never updated; they hold ids, never a number or a name.

CREATE FUNCTION app_now() RETURNS timestamptz
    LANGUAGE sql VOLATILE PARALLEL SAFE
    AS 'SELECT clock_timestamp()';
COMMENT ON FUNCTION app_now() IS 'The one place where SQL reads the time.';

CREATE TABLE client (
    id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name  text NOT NULL UNIQUE CHECK (name <> '')
);

CREATE TABLE campaign (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    client_id      bigint NOT NULL REFERENCES client,
    name           text NOT NULL UNIQUE CHECK (name <> ''),
    state          text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'running', 'paused', 'finished')),
    mode           text NOT NULL DEFAULT 'progressive' CHECK (mode IN ('progressive', 'power')),
    trunk          text NOT NULL,
    caller_id      text NOT NULL DEFAULT '',
    -- a document of campaigns.rules.CampaignRules; every attempt names the version it was dialled under
    rules          jsonb NOT NULL,
    rules_version  integer NOT NULL DEFAULT 1,
    abandon_message text,
    created_at     timestamptz NOT NULL DEFAULT app_now()
);

-- A telephone number, once, in E.164 without the plus sign.
CREATE TABLE number (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    e164             bigint UNIQUE,  -- null once erased
    counted_attempts smallint NOT NULL DEFAULT 0,  -- since the last conversation
    last_attempt_at  timestamptz
) WITH (fillfactor = 85);

-- A person or company: one row per client and number.
CREATE TABLE person (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    client_id  bigint NOT NULL REFERENCES client,
    number_id  bigint NOT NULL REFERENCES number,
    name       text NOT NULL DEFAULT '',
    company    text NOT NULL DEFAULT '',
    city       text NOT NULL DEFAULT '',
    extra      jsonb NOT NULL DEFAULT '{}',
    UNIQUE (client_id, number_id)
);

-- A loaded file. The content's hash makes loading it into a campaign twice a no-operation.
CREATE TABLE base (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    campaign_id    bigint NOT NULL REFERENCES campaign,
    file_name      text NOT NULL,
    content_sha256 bytea NOT NULL,
    encoding       text NOT NULL,
    separator      text NOT NULL,
    mapping        jsonb NOT NULL,
    row_count      integer NOT NULL,
    accepted_count integer NOT NULL,
    zone_unknown_count integer NOT NULL DEFAULT 0,  -- of the accepted: blocked until somebody names their zone
    default_zone   text,
    loaded_by      text NOT NULL,
    loaded_at      timestamptz NOT NULL DEFAULT app_now(),
    UNIQUE (campaign_id, content_sha256)
);

CREATE TABLE base_reject (
    base_id  bigint NOT NULL REFERENCES base,
    line     integer NOT NULL,  -- of the file, from 1, where the record begins
    reason   text NOT NULL,
    columns  text[] NOT NULL,
    PRIMARY KEY (base_id, line)
);

CREATE TABLE list (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    campaign_id  bigint NOT NULL REFERENCES campaign,
    name         text NOT NULL,
    temperature  text NOT NULL CHECK (temperature IN ('cold', 'warm', 'hot')),
    UNIQUE (campaign_id, name)
);

-- A set of zones in which a number may be; it may be dialled only when the window is open in all of them.
CREATE TABLE zone_set (
    id     smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    zones  text[] NOT NULL UNIQUE CHECK (cardinality(zones) > 0)
);

-- Calendars expanded by Python into open intervals; SQL only compares.
CREATE TABLE open_interval (
    campaign_id  bigint NOT NULL REFERENCES campaign,
    zone_set_id  smallint NOT NULL REFERENCES zone_set,
    opens_at     timestamptz NOT NULL,
    closes_at    timestamptz NOT NULL CHECK (closes_at > opens_at),
    PRIMARY KEY (campaign_id, zone_set_id, opens_at)
);

-- A person's enrolment in a campaign. No index on a column that changes, so that updates stay HOT.
CREATE TABLE lead (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    campaign_id       bigint NOT NULL REFERENCES campaign,
    list_id           bigint NOT NULL REFERENCES list,
    base_id           bigint NOT NULL REFERENCES base,
    person_id         bigint NOT NULL REFERENCES person,
    number_id         bigint NOT NULL REFERENCES number,
    zone_set_id       smallint REFERENCES zone_set,
    state             text NOT NULL CHECK (state IN ('queued', 'inflight', 'wrapup', 'won', 'refused', 'off_target',
                                                     'exhausted', 'dead', 'dnc', 'blocked', 'done')),
    priority          smallint NOT NULL,  -- 1 hot, 2 warm, 3 cold
    counted_attempts  smallint NOT NULL DEFAULT 0,  -- since the last conversation
    promise_attempts  smallint NOT NULL DEFAULT 0,  -- counted attempts to keep a promise
    uncounted_today   smallint NOT NULL DEFAULT 0,
    uncounted_on      date,
    same_outcome_run  smallint NOT NULL DEFAULT 0,  -- how many times in a row the last outcome came
    last_outcome      text,
    last_attempt_at   timestamptz,
    UNIQUE (campaign_id, number_id)
) WITH (fillfactor = 85);

CREATE TABLE agent (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    login     text NOT NULL UNIQUE CHECK (login <> ''),
    name      text NOT NULL,
    endpoint  text NOT NULL UNIQUE,  -- the agent's SIP endpoint on the switch
    -- what the agent asks for; the engine that runs his campaign follows it
    wanted    text NOT NULL DEFAULT 'offline' CHECK (wanted IN ('offline', 'ready', 'paused'))
);

CREATE TABLE campaign_agent (
    campaign_id  bigint NOT NULL REFERENCES campaign,
    agent_id     bigint NOT NULL REFERENCES agent,
    PRIMARY KEY (campaign_id, agent_id)
);

CREATE TABLE shift (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agent_id    bigint NOT NULL REFERENCES agent,
    started_at  timestamptz NOT NULL,
    ended_at    timestamptz CHECK (ended_at >= started_at)
);
CREATE UNIQUE INDEX shift_one_open ON shift (agent_id) WHERE ended_at IS NULL;

-- Leads that may be called now or at due_at; priority 0 is a promise.
CREATE TABLE dial_queue (
    campaign_id      bigint NOT NULL,
    zone_set_id      smallint NOT NULL,
    priority         smallint NOT NULL,
    due_at           timestamptz NOT NULL,
    lead_id          bigint NOT NULL UNIQUE,
    number_id        bigint NOT NULL,
    agent_id         bigint,  -- promised to this agent until agent_until
    agent_until      timestamptz,
    needs_agent      boolean NOT NULL DEFAULT false,  -- dial only with an agent reserved beforehand
    promise_id       bigint,
    PRIMARY KEY (campaign_id, zone_set_id, priority, due_at, lead_id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

CREATE SEQUENCE engine_epoch;

CREATE TABLE engine (
    id          bigint PRIMARY KEY,  -- its epoch: every incarnation is a new engine
    host        text NOT NULL,
    started_at  timestamptz NOT NULL DEFAULT app_now(),
    seen_at     timestamptz NOT NULL DEFAULT app_now(),  -- it says every second that it lives
    ended_at    timestamptz
);

-- Who paces a campaign, until when, by the database's clock.
CREATE TABLE campaign_lease (
    campaign_id  bigint PRIMARY KEY REFERENCES campaign,
    engine_id    bigint NOT NULL REFERENCES engine,
    lease_until  timestamptz NOT NULL
);

CREATE SEQUENCE attempt_id;

-- The intent: one row per lead being dialled. Its unique constraints are the rules
-- "one call per lead, per number and per agent".
CREATE TABLE inflight (
    lead_id           bigint PRIMARY KEY,
    number_id         bigint NOT NULL UNIQUE,
    attempt_id        bigint NOT NULL UNIQUE DEFAULT nextval('attempt_id'),
    agent_id          bigint UNIQUE,
    campaign_id       bigint NOT NULL,
    list_id           bigint NOT NULL,
    state             text NOT NULL CHECK (state IN ('claimed', 'intent')),
    engine_id         bigint NOT NULL,
    claimed_at        timestamptz NOT NULL DEFAULT app_now(),
    intent_at         timestamptz CHECK ((intent_at IS NULL) = (state = 'claimed')),
    node              text,
    node_incarnation  text,
    rules_version     integer,
    -- where the lead stood, so that an unused claim goes back to its place
    zone_set_id       smallint NOT NULL,
    priority          smallint NOT NULL,
    due_at            timestamptz NOT NULL,
    promised_agent_id bigint,
    agent_until       timestamptz,
    needs_agent       boolean NOT NULL,
    promise_id        bigint
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

CREATE TABLE attempt (
    id             bigint NOT NULL,
    started_at     timestamptz NOT NULL,  -- the intent, committed before the originate
    lead_id        bigint NOT NULL,
    number_id      bigint NOT NULL,
    campaign_id    bigint NOT NULL,
    list_id        bigint NOT NULL,
    agent_id       bigint,
    promise_id     bigint,
    temperature    text NOT NULL,
    outcome        text NOT NULL,
    counted        boolean NOT NULL,  -- 180, 183 or an answer was seen
    ringing_at     timestamptz,
    answered_at    timestamptz,
    bridged_at     timestamptz,
    ended_at       timestamptz NOT NULL CHECK (ended_at >= started_at),
    sip_code       smallint,
    q850           smallint,
    hangup_by      text,
    message_heard  boolean,  -- the abandoned-call message, if it was played
    trunk          text NOT NULL,
    node           text NOT NULL,
    node_incarnation text NOT NULL,
    engine_id      bigint NOT NULL,
    rules_version  integer NOT NULL,
    pacing         jsonb NOT NULL DEFAULT '{}',  -- the decision that placed it
    PRIMARY KEY (id, started_at),
    CHECK (bridged_at IS NULL OR (answered_at IS NOT NULL AND agent_id IS NOT NULL)),
    CHECK ((outcome = 'ANSWERED') = (bridged_at IS NOT NULL)
           OR outcome IN ('NODE_LOST', 'UNKNOWN')),
    CHECK (counted OR (ringing_at IS NULL AND answered_at IS NULL))
) PARTITION BY RANGE (started_at);
CREATE TABLE attempt_default PARTITION OF attempt DEFAULT;
CREATE INDEX attempt_lead ON attempt (lead_id, started_at);
CREATE INDEX attempt_campaign ON attempt (campaign_id, started_at);
CREATE INDEX attempt_agent ON attempt (agent_id, started_at) WHERE agent_id IS NOT NULL;

CREATE TABLE disposition_kind (
    code            text PRIMARY KEY,
    label           text NOT NULL,  -- English; translated at display
    contact         boolean NOT NULL,  -- spoke with a person of the company
    decision_maker  boolean NOT NULL,
    on_target       boolean NOT NULL,  -- the right segment
    goal            boolean NOT NULL,  -- an application or better
    sale            boolean NOT NULL,
    refused         boolean NOT NULL,
    promise         boolean NOT NULL,  -- needs a due time
    dnc             boolean NOT NULL,
    lead_state      text,  -- the lead's final state; null: the rules decide (retry or promise)
    position        smallint NOT NULL
);

CREATE TABLE disposition (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    attempt_id   bigint NOT NULL UNIQUE,
    lead_id      bigint NOT NULL REFERENCES lead,
    campaign_id  bigint NOT NULL,
    agent_id     bigint NOT NULL,
    code         text NOT NULL REFERENCES disposition_kind,
    note         text NOT NULL DEFAULT '',
    at           timestamptz NOT NULL
);
CREATE INDEX disposition_lead ON disposition (lead_id);

CREATE TABLE promise (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lead_id        bigint NOT NULL REFERENCES lead,
    campaign_id    bigint NOT NULL,
    agent_id       bigint,  -- personal; null: any agent
    made_by        bigint NOT NULL,
    attempt_id     bigint NOT NULL,  -- the conversation in which it was made
    due_at         timestamptz NOT NULL,
    state          text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'kept', 'broken', 'moved', 'cancelled')),
    first_tried_at timestamptz,
    closed_at      timestamptz,
    created_at     timestamptz NOT NULL DEFAULT app_now(),
    CHECK ((state = 'open') = (closed_at IS NULL))
);
CREATE UNIQUE INDEX promise_one_open ON promise (lead_id) WHERE state = 'open';

-- Append-only: how each agent's time was spent. An interval is written when it ends.
CREATE TABLE agent_interval (
    agent_id     bigint NOT NULL REFERENCES agent,
    shift_id     bigint NOT NULL REFERENCES shift,
    campaign_id  bigint,
    state        text NOT NULL CHECK (state IN ('connecting', 'ready', 'reserved', 'talking', 'wrapup', 'paused')),
    from_at      timestamptz NOT NULL,
    to_at        timestamptz NOT NULL CHECK (to_at >= from_at),
    attempt_id   bigint,
    PRIMARY KEY (shift_id, from_at, state)
);
CREATE INDEX agent_interval_agent ON agent_interval (agent_id, from_at);

CREATE TABLE recording (
    attempt_id   bigint PRIMARY KEY,
    campaign_id  bigint NOT NULL,
    path         text NOT NULL,  -- below the recordings folder
    state        text NOT NULL CHECK (state IN ('recording', 'stored', 'lost')),
    bytes        bigint,
    duration_ms  integer,
    sha256       bytea,
    started_at   timestamptz NOT NULL,
    stored_at    timestamptz,
    CHECK ((state = 'stored') = (sha256 IS NOT NULL AND bytes IS NOT NULL AND duration_ms IS NOT NULL))
);

-- Do not call. client_id null: for every client.
CREATE TABLE dnc (
    e164       bigint NOT NULL,
    client_id  bigint REFERENCES client,
    reason     text NOT NULL,
    added_by   text NOT NULL,
    added_at   timestamptz NOT NULL DEFAULT app_now(),
    UNIQUE NULLS NOT DISTINCT (e164, client_id)
);
