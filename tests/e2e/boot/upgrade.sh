# shellcheck shell=bash
# An upgrade under load, then the manual's remove and reinstall with no step in between. Sourced by first-boot.sh.

upgrade_under_load() {
    local pid status
    pid=$(main_pid)
    rm -f /run/load.end
    python3 $SERVED/browser.py load $PUBLIC/healthz 200 /run/load.end >/run/load.log 2>&1 &
    local load=$!
    sleep 1
    use_repository release-2
    in_dnf upgrade 'onedesk-*'
    status=$?
    eventually restarted_since "$pid" || status=1
    sleep 1
    touch /run/load.end
    wait $load || status=1
    cat /run/load.log
    return $status
}
sum=$(sha256sum "$SETTINGS")
step 'an upgrade under 200 requests a second fails none' upgrade_under_load
echo "figure: upgrade under load: $(cat /run/load.log)"
step 'all four are of the new release' eval '[ "$(installed_releases)" = "4 2" ]'
step 'the edited settings were kept' test "$sum" = "$(sha256sum "$SETTINGS")"
step 'nothing was laid beside them' refute bash -c 'ls /etc/onedesk | grep -E "rpm(new|save|orig)"'
step 'the helper is the new one too' eval '[ "$(readlink /proc/$(main_pid onedesk-credentials)/exe)" = /usr/libexec/onedesk/onedesk-credentials ]'
step 'after the upgrade the state is ready' eventually state_is ready
step 'after the upgrade the mailbox gives tokens' eventually token

step 'the manual'\''s remove works' manual_remove
step 'it removed all four' refute rpm -q onedesk-db-utils onedesk-webapps onedesk-microservices onedesk-customerapps
step 'nothing is left of it' nothing_left
step 'settings, database, key, credentials and account remain' state_remains

echo 'a line that is no entry' >>/root/.OneDesk
reinstall() { manual_install >/run/reinstall.log 2>&1; }
step 'the manual'\''s reinstall works, with a spoilt credentials file too' reinstall
step 'it says that it runs again' grep -q 'runs again' /run/reinstall.log
step 'it runs without a step in between' eval 'systemctl is-active onedeskd && systemctl is-enabled onedeskd && answers'
step 'it serves as before: the mailbox gives tokens' eventually token
write_credentials "$(simulator client_id)" "$(simulator client_secret)"
step 'with a good file the state is ready' eventually state_is ready
step 'dnf finds no fault' in_dnf check
