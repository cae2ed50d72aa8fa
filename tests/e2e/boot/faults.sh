# shellcheck shell=bash
# Crashes, a stall, a bad reload, a stop. Sourced by first-boot.sh.

comes_back_after() {
    local pid
    pid=$(main_pid)
    # 0 would be this script's own process group.
    [ "$pid" != 0 ] && kill "-$1" "$pid" || return 1
    eventually restarted_since "$pid" && eventually answers && eventually state_is ready
}
step 'after SIGKILL it serves again' comes_back_after KILL
step 'after SIGABRT it serves again' comes_back_after ABRT
step 'after a crash the mailbox still gives tokens' eventually token

# Right after the kill the manager may still show the dead process as the running one: both in one look.
helper_replaced() {
    systemctl is-active --quiet onedesk-credentials && [ "$(main_pid onedesk-credentials)" != "$1" ] &&
        [ "$(main_pid onedesk-credentials)" != 0 ]
}
helper_comes_back() {
    local pid
    pid=$(main_pid onedesk-credentials)
    [ "$pid" != 0 ] && kill -KILL "$pid" || return 1
    eventually helper_replaced "$pid" &&
        write_credentials "$(simulator client_id)" 'AnotherSecret~That.Nobody-Knows00000000' && eventually state_is stale &&
        write_credentials "$(simulator client_id)" "$(simulator client_secret)" && eventually state_is ready
}
step 'a helper that was killed hands over again: a refused secret is stale, the good one ready' helper_comes_back

stall() {
    local pid
    # 30 s in the unit; the test need not wait as long.
    mkdir -p /run/systemd/system/onedeskd.service.d
    printf '[Service]\nWatchdogSec=2\n' >/run/systemd/system/onedeskd.service.d/watchdog.conf
    systemctl daemon-reload && systemctl restart onedeskd || return 1
    pid=$(main_pid)
    [ "$pid" != 0 ] && kill -STOP "$pid" || return 1
    within 15 restarted_since "$pid" && eventually answers && journalctl -u onedeskd -b | grep -qi 'watchdog timeout'
}
step 'a stalled daemon is found by the watchdog and replaced' stall
rm -rf /run/systemd/system/onedeskd.service.d
systemctl daemon-reload
systemctl restart onedeskd

bad_reload() {
    local pid
    pid=$(main_pid)
    cp -p $SETTINGS /root/settings.good
    echo 'lisen = "0.0.0.0:80"' >>$SETTINGS
    refute systemctl reload onedeskd && [ "$(main_pid)" = "$pid" ] && answers
}
step 'a reload of broken settings fails visibly and disturbs nothing' bad_reload
cp -p /root/settings.good $SETTINGS
step 'a reload of good settings succeeds' systemctl reload onedeskd

rm -f /root/.OneDesk
step 'without the file the good pair stays in force and says stale' eventually state_is stale
write_credentials "$(simulator client_id)" "$(simulator client_secret)"
step 'the file is back, the state is ready' eventually state_is ready

stopped() {
    systemctl stop onedeskd
    refute pgrep -x 'onedeskd|onedesk-creden' && refute systemctl is-active onedesk-credentials &&
        [ -z "$(systemctl list-sockets --plain --no-legend 'onedesk*')" ] && refute bash -c 'exec 3<>/dev/tcp/127.0.0.1/8380'
}
step 'a stop leaves nothing running and nothing that would start it' stopped
check_says() { onedeskctl check --offline 2>&1 | grep -qF -- "$1"; }
step 'a check says that the daemon does not run' check_says 'onedeskd.service does not run (inactive)'
step 'and what to type' check_says 'systemctl start onedeskd'
systemctl mask --quiet onedeskd
step 'a check says that the daemon is masked, and what to type' check_says 'systemctl unmask onedeskd'
systemctl unmask --quiet onedeskd
systemctl disable --quiet onedeskd
step 'a start serves again' eval 'systemctl start onedeskd && answers'
step 'a check says that the next boot would not start it' check_says 'would not start at the next boot'
systemctl enable --quiet onedeskd

# How long a start takes, from the fork to READY=1.
starts() {
    local began ready
    for _ in 1 2 3 4 5; do
        systemctl restart onedeskd || return 1
        began=$(systemctl show -P ExecMainStartTimestampMonotonic onedeskd)
        ready=$(systemctl show -P ActiveEnterTimestampMonotonic onedeskd)
        echo $(((ready - began) / 1000))
    done
}
echo "figure: start to READY in ms: $(starts | xargs)"
