#!/bin/bash
# Second boot, over the same disk: it came up by itself; downgrade, a schema from the future, and the last remove.
# shellcheck source=lib.sh
source /srv/onedesk/lib.sh
systemctl is-system-running --wait >/dev/null
serve_repositories
start_simulator
step 'after the reboot it is up by itself' eventually systemctl is-active onedeskd
step 'after the reboot it serves' eventually answers
step 'the mailbox is still connected' eventually bash -c "onedeskctl --json mailbox list | grep -q $MAILBOX"
step 'the credentials are in force again' eventually client_id_is "$(simulator client_id)"

# The repository carried to a host without internet: a folder, and the signatures checked as before.
downgrade() {
    cp -r $SERVED/release-1 /srv/onedesk-repository
    sed 's|http://[^/]*/release-1|file:///srv/onedesk-repository|' $SERVED/release-1/onedesk.repo >/etc/yum.repos.d/onedesk.repo
    grep -q '^repo_gpgcheck=1' /etc/yum.repos.d/onedesk.repo && in_dnf downgrade 'onedesk-*'
}
step 'a downgrade within the same schema works, from a repository in a folder' downgrade
step 'all four are of the old release' eval '[ "$(installed_releases)" = "4 1" ]'
step 'the downgraded daemon serves' eventually answers

# A database that a later version migrated: one more row in the list of migrations.
future_schema() {
    systemctl stop onedeskd
    runuser -u onedesk -- python3 - <<'PYTHON'
import sqlite3
database = sqlite3.connect("/var/lib/onedesk/onedesk.db")
database.execute("insert into _sqlx_migrations (version, description, success, checksum, execution_time)"
                 " values (99990101000000, 'from the future', 1, x'00', 0)")
database.commit()
PYTHON
}
step 'a later version migrated the database' future_schema
step 'an older daemon does not start over it' refute systemctl start onedeskd
step 'it says why, in words' bash -c 'journalctl -u onedeskd -b -o cat | grep -Eqi "newer|later"'
step 'it says so to systemd, and is not tried again' \
    eval '[ "$(systemctl show -P ExecMainStatus onedeskd)" = 78 ] && sleep 1 && [ "$(systemctl show -P NRestarts onedeskd)" = 0 ]'
step 'a transaction over it does not fail' in_dnf reinstall 'onedesk-*'

step 'the last remove works while the daemon cannot start' manual_remove
step 'nothing is left of it' nothing_left
step 'settings, database, key, credentials and account remain' state_remains
finish
