# shellcheck shell=bash
# Four repositories that look genuine but for one fault. Each must be refused, and leave nothing installed.
# Sourced by first-boot.sh.

refused() {
    local repository=$1 reason=$2 output
    use_repository "$repository"
    if output=$(in_dnf install onedesk-db-utils 2>&1); then
        echo "it was installed: $output"
        return 1
    fi
    echo "$output"
    grep -Eqi "$reason" <<<"$output" && refute rpm -q onedesk-db-utils
}

step 'an unsigned package is refused' refused unsigned 'is not signed'
step 'an altered package is refused' refused altered-package 'BAD|NOT OK|GPG check FAILED|signature'
step 'altered metadata is refused' refused altered-metadata 'repomd.xml GPG signature verification error|Bad GPG signature'
step 'the key of somebody else is refused' refused wrong-key 'GPG signature verification error|Bad GPG signature|no public key|Signing key not found'
dnf clean all >/dev/null
