#!/bin/sh
# Put the database's address together from its secret, bring the schema up to date, then run the command.
set -eu

if [ -z "${DIALER_DSN:-}" ]; then
    secret=$(cat "${DIALER_DATABASE_SECRET_FILE:-/run/secrets/database}")
    DIALER_DSN="postgresql://dialer:$secret@${DIALER_DATABASE_HOST:-127.0.0.1}:${DIALER_DATABASE_PORT:-5432}/dialer"
    export DIALER_DSN
fi
dialer db migrate
exec "$@"
