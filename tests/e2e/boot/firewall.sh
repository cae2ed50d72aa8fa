# shellcheck shell=bash
# The check of the firewall, beside a real firewalld. Sourced by options.sh while the daemon serves HTTPS on port 443 for others.

in_firewall() { firewall-cmd --permanent "$1" && firewall-cmd --reload; }
let_in() { check_says 'the firewall lets people in on port 443'; }
let_nobody_in() { check_says "the firewall's default zone lets nobody in on port 443"; }
checked_by_onedesk() { runuser -u onedesk -- onedeskctl check --offline | grep -F 'firewalld tells only root'; }
# As root copies it out of what the check prints.
do_as_told() {
    local command
    command=$(onedeskctl check --offline | grep -o 'firewall-cmd .*') && [ "$(wc -l <<<"$command")" = 1 ] && bash -c "$command"
}

sed -i 's|^public_url = .*|public_url = "https://desk.example.test"|' $SETTINGS
step 'without firewalld the check of the firewall is skipped, and says why' check_says 'firewalld does not run'
step 'a check starts no firewalld' refute systemctl is-active firewalld
# A host's firewall runs before the packages come: it learns of their service later.
mv /usr/lib/firewalld/services/onedesk.xml /run/
step 'firewalld starts' eval 'systemctl start firewalld && eventually firewall-cmd --state'
mv /run/onedesk.xml /usr/lib/firewalld/services/
step 'a check says that it lets nobody in' let_nobody_in
step 'a check by who is not root says that only root learns that' checked_by_onedesk
step 'the command that the check prints runs' do_as_told
step 'and lets people in' let_in
step 'without it nobody is let in again' eval 'in_firewall --remove-service=https && let_nobody_in'
step 'the packaged service is taken while firewalld runs, and lets people in' eval 'in_firewall --add-service=onedesk && let_in'
step 'and for the time being too' eval 'firewall-cmd --remove-service=onedesk && let_nobody_in && firewall-cmd --add-service=onedesk && let_in'
step 'it opens port 443 and no other' eval '[ "$(firewall-cmd --service=onedesk --get-ports --permanent)" = 443/tcp ]'
step 'a rich rule for some addresses is no warning' \
    eval 'in_firewall --remove-service=onedesk && let_nobody_in && in_firewall "--add-rich-rule=rule family=ipv4 source address=192.0.2.0/24 service name=https accept" && let_in'
step 'a zone that accepts everything is no warning' eval 'firewall-cmd --set-default-zone=trusted && let_in'
systemctl stop firewalld
