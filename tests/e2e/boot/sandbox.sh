# shellcheck shell=bash
# The sandbox as the running processes have it. Sourced by first-boot.sh.

# A look from where the daemon stands, with its user.
as_daemon() { nsenter -t "$(main_pid)" -m -S "$(id -u onedesk)" -G "$(id -g onedesk)" "$@"; }
# The same place, but with all of root's rights: what even a daemon that became root could reach.
as_root_there() { nsenter -t "$(main_pid)" -m "$@"; }

without_capabilities() { grep -q '^CapEff:[[:space:]]*0*$' "/proc/$(main_pid "$1")/status"; }
exposure() { systemd-analyze security --no-pager --threshold=15 "$1" | tail -n 1; }

step 'the network process does not run as root' bash -c "[ \$(stat -c %U /proc/$(main_pid)) = onedesk ]"
step 'neither process has a capability' eval 'without_capabilities onedeskd && without_capabilities onedesk-credentials'
step 'the network process cannot read /root' refute as_daemon cat /root/.OneDesk
step '/root is not even there for it' refute as_root_there test -e /root/.OneDesk
step 'it writes to its state' as_daemon touch /var/lib/onedesk/probe
rm -f /var/lib/onedesk/probe
for place in /etc /etc/onedesk /usr /var /var/lib /opt; do
    step "it cannot write to $place" refute as_root_there touch "$place/probe"
done
step 'the helper sees no network but its own loopback' \
    bash -c "[ \"\$(nsenter -t $(main_pid onedesk-credentials) -n ip -o link | wc -l)\" = 1 ]"
step 'the helper cannot write to /root' refute nsenter -t "$(main_pid onedesk-credentials)" -m touch /root/probe
step 'no core is written' bash -c "grep -q 'Max core file size *0 ' /proc/$(main_pid)/limits"
step 'exposure of the daemon is at most 1.5' exposure onedeskd.service
step 'exposure of the helper is at most 1.5' exposure onedesk-credentials.service
systemd-analyze security --no-pager onedeskd.service | tail -n 1
systemd-analyze security --no-pager onedesk-credentials.service | tail -n 1

forbidden_for() {
    runuser -u "$1" -- python3 $SERVED/api.py GET /v1/status 2>&1 | grep -qx 403
}
useradd --system --no-create-home visitor
step 'a local user who is not listed gets 403' forbidden_for visitor
step 'the daemon'\''s own user is listed for status' runuser -u onedesk -- python3 $SERVED/api.py GET /v1/status
