#!/bin/bash
# First boot: refusals, the first day, the sandbox, faults, options, upgrade, remove and reinstall.
# shellcheck source=lib.sh
source /srv/onedesk/lib.sh
systemctl is-system-running --wait >/dev/null
step 'systemd is what runs' bash -c '[ "$(cat /proc/1/comm)" = systemd ] && [ -d /run/systemd/system ]'
step 'the repositories are served' serve_repositories
step 'the simulator runs' start_simulator
step 'the stub of a base installs' rpm --install --nosignature $SERVED/guest-base.rpm
for part in refusals first-day sandbox faults options upgrade; do
    # After a failed part the next ones would fail for the same reason, and bury it.
    [ $failed = 0 ] || { echo "# $part: not begun"; continue; }
    echo "# $part"
    # shellcheck source=/dev/null
    source "$SERVED/$part.sh"
done
echo "figure: installed size: $(rpm -qa --qf '%{SIZE}\n' 'onedesk-*' | awk '{ sum += $1 } END { printf "%.1f MiB", sum / 1048576 }')"
finish
