-- What an agent may say of a conversation; the flags drive rules and KPIs.
INSERT INTO disposition_kind
    (code, label, contact, decision_maker, on_target, goal, sale, refused, promise, dnc, lead_state, position)
VALUES
    ('SALE', 'Sale', true, true, true, true, true, false, false, false, 'won', 1),
    ('MEETING', 'Meeting agreed', true, true, true, true, false, false, false, false, 'won', 2),
    ('APPLICATION', 'Application taken', true, true, true, true, false, false, false, false, 'won', 3),
    ('OFFER_SENT_INTERESTED', 'Interested, offer sent', true, true, true, false, false, false, false, false, 'won', 4),
    ('WILL_CALL_SELF', 'Will call back themselves', true, true, true, false, false, false, false, false, 'done', 5),
    ('CALLBACK_PERSONAL', 'Call back, same agent', true, false, false, false, false, false, true, false, null, 6),
    ('CALLBACK_ANY', 'Call back, any agent', true, false, false, false, false, false, true, false, null, 7),
    ('NOT_INTERESTED', 'Not interested', true, true, true, false, false, true, false, false, 'refused', 8),
    ('BAD_LINE', 'Bad line', true, false, false, false, false, false, false, false, null, 9),
    ('WRONG_SEGMENT', 'Wrong segment', true, false, false, false, false, false, false, false, 'off_target', 10),
    ('WRONG_NUMBER', 'Wrong number', false, false, false, false, false, false, false, false, 'dead', 11),
    ('SILENT', 'Silence on the line', false, false, false, false, false, false, false, false, null, 12),
    ('MACHINE_AGENT', 'Answering machine', false, false, false, false, false, false, false, false, null, 13),
    ('DNC_ASKED', 'Asked never to be called', true, false, false, false, false, true, false, true, 'dnc', 14),
    ('DISPO_TIMEOUT', 'No result recorded in time', false, false, false, false, false, false, false, false, null, 15);
