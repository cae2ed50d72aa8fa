# shellcheck shell=bash
# What an admin may choose beside the usual: the master key with systemd, HTTPS on port 443 without a web server,
# and the firewall before it. Sourced by first-boot.sh.

keep_key_with_systemd() {
    install -d -m 0700 /etc/credstore.encrypted
    systemd-creds encrypt --name=onedesk-master-key /var/lib/onedesk/master.key /etc/credstore.encrypted/onedesk-master-key &&
        mv /var/lib/onedesk/master.key /root/master.key && systemctl restart onedeskd
}
step 'the master key is kept as an encrypted credential' keep_key_with_systemd
step 'without its file the mailbox gives tokens' eventually token
step 'no new file was made' refute test -e /var/lib/onedesk/master.key
rm /etc/credstore.encrypted/onedesk-master-key
mv /root/master.key /var/lib/onedesk/master.key
step 'the file is taken again when the credential is gone' eval 'systemctl restart onedeskd && eventually token'

cp -p $SETTINGS /root/settings.before
serve_https() {
    install -m 0644 $SERVED/tls.crt /etc/onedesk/tls.crt && install -m 0640 -g onedesk $SERVED/tls.key /etc/onedesk/tls.key &&
        cp /usr/share/onedesk/samples/onedeskd.socket /etc/systemd/system/ || return 1
    sed -i 's|^#http = .*|http = "[::]:443"|; s|^#tls_certificate = .*|tls_certificate = "/etc/onedesk/tls.crt"|; s|^#tls_key = .*|tls_key = "/etc/onedesk/tls.key"|' $SETTINGS
    systemctl daemon-reload && systemctl stop onedeskd && systemctl enable --now onedeskd.socket && systemctl start onedeskd
}
answers_https() { python3 $SERVED/browser.py get https://localhost/healthz; }
step 'the sample socket lets it serve HTTPS on port 443' serve_https
step 'a client that trusts the certificate is answered' eventually answers_https
step 'it holds no capability for it' without_capabilities onedeskd
# shellcheck source=firewall.sh
source $SERVED/firewall.sh
systemctl disable --now onedeskd.socket 2>/dev/null
rm -f /etc/systemd/system/onedeskd.socket /etc/onedesk/tls.*
cp -p /root/settings.before $SETTINGS
systemctl daemon-reload
step 'without the socket it serves as before' eval 'systemctl restart onedeskd && eventually answers'
