# shellcheck shell=bash
# What the parts of the boot test share. Sourced in the guest, where /srv/onedesk holds repositories and programs.
export HOME=/root LC_ALL=C PYTHONDONTWRITEBYTECODE=1
readonly SERVED=/srv/onedesk SETTINGS=/etc/onedesk/onedeskd.toml PUBLIC=http://127.0.0.1:8380
readonly MAILBOX=support@example.test
cd / || exit 1
exec 2>&1
passed=0 failed=0

# step SENTENCE COMMAND...: the sentence is true if the command succeeds.
step() {
    local sentence=$1 output status
    shift
    output=$("$@" 2>&1)
    status=$?
    if [ $status = 0 ]; then
        passed=$((passed + 1))
        echo "ok - $sentence"
    else
        failed=$((failed + 1))
        echo "not ok - $sentence (status $status)"
        tail -n 20 <<<"$output" | sed 's/^/    /'
    fi
}

# refute COMMAND...: succeeds if the command fails.
refute() { ! "$@"; }

# eventually COMMAND...: tries for ten seconds.
eventually() { within 10 "$@"; }

within() {
    local end=$((SECONDS + $1))
    shift
    while [ $SECONDS -le $end ]; do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.05
    done
    "$@"
}

finish() {
    [ $failed = 0 ] || journalctl --no-pager -o short-monotonic -u onedeskd -u onedesk-credentials -b | tail -n 60 | sed 's/^/    /'
    echo "$passed passed, $failed failed"
}

now_ms() { date +%s%3N; }

# The guest serves the repositories to itself, over loopback http.
serve_repositories() {
    systemd-run --quiet --unit=repositories python3 -m http.server --bind 127.0.0.1 --directory $SERVED 8642
    eventually bash -c 'exec 3<>/dev/tcp/127.0.0.1/8642'
}

# The simulator of Entra. It forgets everything when it ends.
start_simulator() {
    echo '{"behaviour":{"signed_in":"'$MAILBOX'"}}' >/run/entra-sim.json
    systemd-run --quiet --unit=entra-sim -p StandardOutput=file:/run/entra-sim.ready \
        $SERVED/entra-sim --listen 127.0.0.1:8650 --config /run/entra-sim.json
    eventually grep -q authority /run/entra-sim.ready
}

simulator() { python3 -c 'import json, sys; print(json.load(open("/run/entra-sim.ready"))[sys.argv[1]])' "$1"; }

use_repository() { cp "$SERVED/$1/onedesk.repo" /etc/yum.repos.d/onedesk.repo; }

in_dnf() { dnf -y --setopt=metadata_expire=0 "$@"; }

# The commands as the product's manual has them.
manual_install() { in_dnf install onedesk-db-utils onedesk-webapps onedesk-microservices onedesk-customerapps; }
manual_remove() { in_dnf remove onedesk-db-utils; }

installed_releases() { rpm -qa --qf '%{RELEASE}\n' 'onedesk-*' | sort | uniq -c | xargs; }

# main_pid [UNIT]
# shellcheck disable=SC2120
main_pid() { systemctl show -P MainPID "${1:-onedeskd}"; }

restarted_since() {
    local pid
    pid=$(main_pid)
    [ "$pid" != 0 ] && [ "$pid" != "$1" ] && systemctl is-active --quiet onedeskd
}

status_text() { systemctl show -P StatusText onedeskd; }

# field NAME: a value of the daemon's status.
field() { python3 $SERVED/api.py GET /v1/status "$1"; }

state_is() { [ "$(field state)" = "$1" ]; }

client_id_is() { [ -n "$1" ] && [ "$(field credentials.client_id)" = "$1" ]; }

answers() { python3 $SERVED/browser.py get "$PUBLIC/healthz"; }

# As an editor saves: a new file, renamed over the old one.
write_credentials() {
    printf '# written by the boot test\nAZUREAD_CID=%s\nAZUREAD_CIS=%s\n' "$1" "$2" >/root/.OneDesk.new
    chmod 600 /root/.OneDesk.new
    mv /root/.OneDesk.new /root/.OneDesk
}

token() { onedeskctl mailbox token $MAILBOX; }

# Nothing of a removed installation runs, is a unit, or is linked to.
nothing_left() {
    local unit
    for unit in onedeskd.service onedesk-credentials.service; do
        [ "$(systemctl show -P LoadState $unit)" = not-found ] || { echo "$unit is still known"; return 1; }
    done
    refute pgrep -x 'onedeskd|onedesk-creden' || return 1
    [ -z "$(find /etc/systemd /usr/lib/systemd /run/systemd/system -name '*onedesk*')" ] || return 1
    [ -z "$(find / -xdev -xtype l -name '*onedesk*' -not -path '/proc/*')" ] || return 1
    [ -z "$(systemctl --failed --plain --no-legend)" ] || { systemctl --failed; return 1; }
    [ ! -e /run/onedesk ] && [ ! -e /usr/share/onedesk ]
}

state_remains() {
    ls -l /etc/onedesk /var/lib/onedesk /root/.OneDesk
    [ -e $SETTINGS ] && [ -e /var/lib/onedesk/onedesk.db ] && [ -e /var/lib/onedesk/master.key ] && [ -e /root/.OneDesk ] &&
        getent passwd onedesk
}
