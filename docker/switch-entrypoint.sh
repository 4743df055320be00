#!/bin/sh
# Fill the templates with this installation's values and become Asterisk.
set -eu

templates=${DIALER_SWITCH_TEMPLATES:-/usr/share/dialer/asterisk}
work=${DIALER_SWITCH_WORK:-/run/dialer-switch}
state=${DIALER_SWITCH_STATE:-/var/lib/dialer-switch}
spool=${DIALER_SWITCH_SPOOL:-/var/spool/asterisk/dialer}
secrets=${DIALER_SWITCH_SECRETS:-/run/secrets}
agents=${DIALER_AGENTS:-0}
user=${DIALER_SWITCH_USER:-asterisk}

: "${DIALER_TRUNK_HOST:?the address of the carrier is needed, e.g. sip.example.net}"
: "${DIALER_SIP_ADDRESS:?the address of this machine as the carrier and the telephones see it is needed}"
trunk_port=${DIALER_TRUNK_PORT:-5060}

umask 077
etc=$work/etc
rules=$work/rules.sed
mkdir -p "$etc" "$work/run" "$state/keys" "$state/log/cel-custom" "$spool/monitor" "$spool/recording"
: > "$rules"

# One placeholder and its value. A value that could start a line or a section of its own is refused.
put() {
    case $2 in
    *[!A-Za-z0-9._:/-]*) echo "The value of $1 has a character that an Asterisk file cannot hold." >&2; exit 2 ;;
    '') echo "The value of $1 is empty." >&2; exit 2 ;;
    esac
    printf 's|@%s@|%s|g\n' "$1" "$2" >> "$rules"
}

put ETC_DIR "$etc"
put MODULE_DIR "${DIALER_SWITCH_MODULES:-$(echo /usr/lib/*-linux-gnu/asterisk/modules)}"
put SHARE_DIR /usr/share/asterisk
put STATE_DIR "$state"
put SPOOL_DIR "$spool"
put RUN_DIR "$work/run"
put LOG_DIR "$state/log"
put ABANDONED_MESSAGE "${DIALER_ABANDONED_MESSAGE:-$spool/messages/abandoned}"
put AMI_PORT "${DIALER_AMI_PORT:-5038}"
put AMI_SECRET "$(cat "$secrets/ami")"
put AMI_USER "${DIALER_AMI_USER:-dialer}"
put ARI_PORT "${DIALER_ARI_PORT:-8088}"
put ARI_SECRET "$(cat "$secrets/ari")"
put ARI_USER "${DIALER_ARI_USER:-dialer}"
put MEDIA_ADDRESS "$DIALER_SIP_ADDRESS"
put RTP_START "${DIALER_RTP_START:-10000}"
put RTP_END "${DIALER_RTP_END:-14999}"
put SIP_BIND "$DIALER_SIP_ADDRESS:${DIALER_SIP_PORT:-5060}"
put TRUNK "${DIALER_TRUNK:-carrier}"
put TRUNK_CONTACT "sip:$DIALER_TRUNK_HOST:$trunk_port"
put TRUNK_MATCH "$DIALER_TRUNK_HOST"

for template in "$templates"/*.conf; do
    sed -f "$rules" "$template" > "$etc/$(basename "$template")"
done

# agent001, agent002, ... each with a secret of its own that survives restarts
: > "$etc/pjsip_agents.conf"
mkdir -p "$state/agents"
number=1
while [ "$number" -le "$agents" ]; do
    agent=$(printf 'agent%03d' "$number")
    if [ ! -s "$state/agents/$agent" ]; then
        od -An -N16 -tx1 /dev/urandom | tr -d ' \n' > "$state/agents/$agent"
    fi
    sed -e "s|@AGENT@|$agent|g" -e "s|@AGENT_SECRET@|$(cat "$state/agents/$agent")|g" \
        "$templates/agent.template" >> "$etc/pjsip_agents.conf"
    number=$((number + 1))
done
rm -f "$rules"

# what only this installation has (a carrier's registration, more trunks) is mounted beside the secrets
if [ -f "$secrets/pjsip_local.conf" ]; then
    cp "$secrets/pjsip_local.conf" "$etc/pjsip_local.conf"
fi

if [ "$(id -u)" = 0 ]; then
    chown -R "$user" "$work" "$state" "$spool"
    set -- -U "$user" -G "$user"
else
    set --
fi
# recordings are for the engine too
umask 022
exec asterisk -f -n -C "$etc/asterisk.conf" "$@"
