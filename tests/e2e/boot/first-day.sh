# shellcheck shell=bash
# The first day: the manual's install, settings, start, credentials, the first mailbox. Sourced by first-boot.sh.

first_install() {
    local began status
    use_repository release-1
    began=$(now_ms)
    manual_install >/run/install.log 2>&1
    status=$?
    echo "$(($(now_ms) - began)) ms" >/run/install.time
    cat /run/install.log
    return $status
}
step 'the manual'\''s command installs the four packages' first_install
echo "figure: install of all four, signatures checked: $(cat /run/install.time)"
step 'the install ends with two lines that say what to do' \
    bash -c 'grep -A1 "onedeskctl setup" /run/install.log | grep -q "systemctl start onedeskd"'
step 'the account exists and cannot log in' bash -c 'getent passwd onedesk | grep -q ":/usr/sbin/nologin$"'
step 'the settings were made for root and the daemon' \
    bash -c '[ "$(stat -c "%U:%G %a" '$SETTINGS')" = "root:onedesk 640" ] && cmp '$SETTINGS' /usr/share/onedesk/onedeskd.toml'
step 'no package owns the settings' refute rpm -qf $SETTINGS
step 'the state folder is the daemon'\''s alone' bash -c '[ "$(stat -c "%U %a" /var/lib/onedesk)" = "onedesk 700" ]'
step 'the preset enabled the daemon' systemctl is-enabled onedeskd
step 'the install did not start it' refute systemctl is-active onedeskd
step 'nothing differs from what was packaged' rpm -V onedesk-db-utils onedesk-webapps onedesk-microservices onedesk-customerapps
step 'the units have nothing to complain about' \
    bash -c '[ -z "$(systemd-analyze verify --man=no onedeskd.service onedesk-credentials.service 2>&1)" ]'
step 'the daemon names its version' bash -c 'onedeskd --version | grep -q "^onedeskd [0-9]"'
step 'completions and pages of the manual are placed' \
    test -s /usr/share/bash-completion/completions/onedeskctl -a -s /usr/share/man/man8/onedeskd.8.gz

step 'it starts before anything is set up' systemctl start onedeskd
step 'the helper came with it' systemctl is-active onedesk-credentials
step 'its state in words says what is missing' eventually bash -c 'systemctl show -P StatusText onedeskd | grep -qi "unconfigured\|public_url\|not configured\|missing"'
step 'the pages are served before anything is set up' answers
step 'the local API says unconfigured' state_is unconfigured

# What points at the simulator instead of Microsoft: no admin sets that.
point_at_simulator() {
    sed -i "s|^#authority = .*|authority = \"$(simulator authority)\"|
        s|^#graph = .*|graph = \"$(simulator graph)\"|
        s|^#tenant = .*|tenant = \"$(simulator tenant)\"|" $SETTINGS
    onedeskd --check-config
}
step 'the settings are pointed at the simulator' point_at_simulator
set_up() {
    (umask 077 && simulator client_secret >/run/secret)
    onedeskctl setup --non-interactive --public-url $PUBLIC --client-id "$(simulator client_id)" --client-secret-file /run/secret
}
step 'one command sets the host up' set_up
step 'said again it changes nothing' eval 'set_up | grep -q "^unchanged"'
step 'the credentials file is root'\''s alone' test "$(stat -c '%U %a' /root/.OneDesk)" = 'root 600'
step 'the settings kept their owner and mode' test "$(stat -c '%U:%G %a' $SETTINGS)" = 'root:onedesk 640'
# Another valid secret of the same application: when it is taken, the time of the last change is a new one.
in_force_within_a_second() {
    local before
    before=$(field credentials.changed_at)
    write_credentials "$(simulator client_id)" "$(simulator "$1")"
    within 1 eval '[ "$(field credentials.changed_at)" != "'"$before"'" ]'
}
step 'credentials written by an editor'\''s rename are in force within a second' in_force_within_a_second second_secret
step 'and those written after them' in_force_within_a_second client_secret
step 'the provider accepts them' eventually eval '[ "$(field credentials.verified)" = yes ]'
step 'the state is ready, and in words' eventually eval 'state_is ready && status_text | grep -qi ready'
step 'a check of this host finds nothing that somebody has to mend' onedeskctl check --offline
# packaged PATH FILE: the page at PATH has the picture of its package, whose bytes are FILE's.
packaged() {
    local picture
    picture=$(python3 $SERVED/browser.py get "$PUBLIC$1" | grep -o 'class="art" src="[^"]*"' | cut -d'"' -f4) && [ -n "$picture" ] &&
        python3 $SERVED/browser.py get "$PUBLIC${picture#"$PUBLIC"}" | grep -qF "$(head -c 200 "/usr/share/onedesk/$2")"
}
step 'the main page comes from its package' packaged / webapps/static/main.svg
step 'the portal'\''s page comes from its package' packaged /portal customerapps/static/portal.svg

connect() {
    local url
    url=$(onedeskctl --json mailbox connect $MAILBOX | python3 -c 'import json, sys; print(json.load(sys.stdin)["connect_url"])') || return 1
    python3 $SERVED/browser.py get "$url"
}
step 'a mailbox is connected through the provider' connect
step 'it is healthy' eventually bash -c "onedeskctl --json mailbox list | grep -q healthy"
step 'its token can be read' eval '[ -n "$(token)" ]'
step 'the journal has it in a field' eventually bash -c "journalctl -u onedeskd -b ONEDESK_MAILBOX=$MAILBOX -o cat | grep -q ."
step 'the secret is in no journal' refute bash -c "journalctl -b -o export | grep -qF '$(simulator client_secret)'"
