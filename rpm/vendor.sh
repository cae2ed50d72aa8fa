#!/bin/bash
# Packs the crates of Cargo.lock into FOLDER/onedesk-VERSION-vendor.tar.gz, so that mock and rpmbuild need no network.
#   rpm/vendor.sh FOLDER
set -euo pipefail
export LC_ALL=C
folder=$(realpath "$1")
cd "$(dirname "$0")/.."
version=$(sed -n 's/^Version: *//p' rpm/onedesk.spec)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo vendor --quiet --locked --versioned-dirs "$work/vendor" >/dev/null
cat >"$work/vendor/config.toml" <<'CONFIG'
[source.crates-io]
replace-with = "vendored-sources"
[source.vendored-sources]
directory = "vendor"
CONFIG
tar --create --directory="$work" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u+rw,go+r,go-w --format=gnu \
    vendor | gzip -9n >"$folder/onedesk-$version-vendor.tar.gz"
