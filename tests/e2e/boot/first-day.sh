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

configure() {
    sed -i "s|^#public_url = .*|public_url = \"$PUBLIC\"|
        s|^#authority = .*|authority = \"$(simulator authority)\"|
        s|^#graph = .*|graph = \"$(simulator graph)\"|
        s|^#tenant = .*|tenant = \"$(simulator tenant)\"|" $SETTINGS
    grep -q "^public_url" $SETTINGS && onedeskd --check-config
}
step 'settings are edited and pass the check' configure
step 'a restart takes them' systemctl restart onedeskd
in_force_within_a_second() {
    write_credentials "$(simulator client_id)" "$(simulator client_secret)"
    within 1 client_id_is "$(simulator client_id)"
}
step 'credentials written by an editor'\''s rename are in force within a second' \
    in_force_within_a_second
step 'the provider accepts them' eventually eval '[ "$(field credentials.verified)" = yes ]'
step 'the state is ready, and in words' eventually eval 'state_is ready && status_text | grep -qi ready'

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
