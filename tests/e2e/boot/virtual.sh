#!/bin/bash
# In a virtual machine: what only a kernel of one's own enforces. SELinux begins permissive; a denial is a failed step,
# and then the same is done enforcing.
# shellcheck source=lib.sh
source /srv/onedesk/lib.sh

limit() { cat "/sys/fs/cgroup/system.slice/$1.service/$2"; }
domain() { tr -d '\0' <"/proc/$(main_pid "$1")/attr/current"; }
denials() { dmesg | grep 'avc: *denied' | grep -E 'onedesk'; }
relabel() { restorecon -R /etc/onedesk /var/lib/onedesk /run/onedesk /usr/sbin/onedeskd /usr/libexec/onedesk /root/.OneDesk; }
configured() {
    sed -i "s|^#public_url = .*|public_url = \"$PUBLIC\"|
        s|^#authority = .*|authority = \"$(simulator authority)\"|
        s|^#graph = .*|graph = \"$(simulator graph)\"|
        s|^#tenant = .*|tenant = \"$(simulator tenant)\"|" "$SETTINGS"
    write_credentials "$(simulator client_id)" "$(simulator client_secret)"
    relabel
}

serve_repositories
start_simulator
rpm --install --nosignature $SERVED/guest-base.rpm
use_repository release-1
step 'the packages install' manual_install
step 'they are set up' configured
step 'the daemon starts' systemctl start onedeskd
step 'it becomes ready' within 60 state_is ready
# What does not run cannot be looked at.
[ $failed = 0 ] || { finish; exit; }
step 'the daemon runs in its own domain' eval 'domain onedeskd | grep -q onedeskd_t'
step 'the helper runs in its own domain' eval 'domain onedesk-credentials | grep -q onedesk_credentials_t'
step 'the daemon may have 512 MiB' test "$(limit onedeskd memory.max)" = 536870912
step 'the daemon may have 512 tasks' test "$(limit onedeskd pids.max)" = 512
step 'the helper may have 32 MiB' test "$(limit onedesk-credentials memory.max)" = 33554432
step 'the helper may have 16 tasks' test "$(limit onedesk-credentials pids.max)" = 16
echo "figure: memory in use: daemon $(limit onedeskd memory.current), helper $(limit onedesk-credentials memory.current) bytes"
# inside UNIT PROGRAM: runs Python among the processes of a unit.
inside() { bash -c 'echo $$ >"/sys/fs/cgroup/system.slice/$1.service/cgroup.procs" && exec python3 -c "$2"' bash "$1" "$2"; }
too_many_tasks() {
    inside onedesk-credentials 'import threading, time
for _ in range(20): threading.Thread(target=time.sleep, args=(3,)).start()' 2>&1 | grep "start new thread"
}
step 'more tasks than the helper may have are refused' too_many_tasks
step 'more memory than the helper may have is the end' eval 'inside onedesk-credentials "bytearray(64 << 20)"; [ $? = 137 ]'
step 'the helper is replaced then' within 60 eval 'systemctl is-active onedesk-credentials && [ "$(limit onedesk-credentials pids.current)" -lt 8 ]'

labels() { onedeskctl check --offline 2>&1 | grep -A2 -i selinux; }
step 'a check finds the labels right' eval 'labels | grep -q "labels that SELinux expects"'
# A file that was made elsewhere and moved keeps the label of that place.
moved_here() { cp /root/.OneDesk /tmp/made-elsewhere && chcon -t user_tmp_t /tmp/made-elsewhere && mv /tmp/made-elsewhere /root/.OneDesk; }
step 'a file is moved here from elsewhere' moved_here
step 'a check names the wrong label' eval 'labels | grep -q "/root/.OneDesk has the wrong SELinux label, .*user_tmp_t"'
step 'and the command that mends it' eval 'labels | grep -q "restorecon.*/root/.OneDesk"'
step 'which does' eval '$(labels | grep -o "restorecon [^;]*/root/.OneDesk") && labels | grep -q "labels that SELinux expects"'

write_credentials "$(simulator client_id)" 'AnotherSecret~That.Nobody-Knows00000000'
relabel
step 'a refused secret is seen' within 60 state_is stale
write_credentials "$(simulator client_id)" "$(simulator client_secret)"
relabel
step 'the good one too' within 60 state_is ready
step 'a stop and a start work' eval 'systemctl restart onedeskd && within 60 state_is ready'
step 'nothing was denied' refute denials

step 'SELinux enforces' eval 'setenforce 1 && [ "$(getenforce)" = Enforcing ]'
step 'a restart under it works' eval 'systemctl restart onedeskd && within 60 state_is ready'
# As an editor leaves it: a new file, with the label of its folder.
write_credentials "$(simulator client_id)" 'AnotherSecret~That.Nobody-Knows00000000'
step 'under it a secret that an editor wrote is read, and refused' within 60 state_is stale
write_credentials "$(simulator client_id)" "$(simulator client_secret)"
step 'under it the good one is taken' within 60 state_is ready
relabel
step 'the network process cannot read the secret by its label either' refute runcon -t onedeskd_t cat /root/.OneDesk
setenforce 0
finish
