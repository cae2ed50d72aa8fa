#!/bin/bash
# Packs the work tree into FOLDER/onedesk-VERSION.tar.gz: what git tracks or would track, the same bytes each time.
#   rpm/source.sh FOLDER
set -euo pipefail
export LC_ALL=C
folder=$(realpath "$1")
cd "$(dirname "$0")/.."
version=$(sed -n 's/^Version: *//p' rpm/onedesk.spec)
grep -q "^version = \"$version\"$" Cargo.toml || { echo "rpm/onedesk.spec and Cargo.toml differ in the version" >&2; exit 1; }
# A file that was deleted but not yet committed is still in git's list.
git ls-files --cached --others --exclude-standard -z | while IFS= read -r -d '' file; do
    [ ! -e "$file" ] && [ ! -L "$file" ] || printf '%s\0' "$file"
done | tar --create --null --no-recursion --files-from=- --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner \
    --mode=u+rw,go+r,go-w --format=gnu --transform="s,^,onedesk-$version/,S" | gzip -9n >"$folder/onedesk-$version.tar.gz"
