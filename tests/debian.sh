#!/bin/sh
# A minimal Debian 12, from the mirror that this machine's apt uses:
# debian.sh DIR. Nothing is done where DIR holds one already.
set -eu
dir=$1
if [ -e "$dir/etc/debian_version" ]; then
    echo "   $dir is there already"
    exit 0
fi

# "SITE RELEASE COMPONENT" of each Debian source, in whatever format and file
# the machine keeps them.
sources() {
    # shellcheck disable=SC2016
    apt-get indextargets --format '$(SITE) $(RELEASE) $(COMPONENT)' \
        'Created-By: Packages' 'Origin: Debian' | sort -u
}
[ -n "$(sources)" ] || apt-get update -qq
mirror=$(sources | sed -n 's/ bookworm main$//p' | head -1)
[ -n "$mirror" ] || {
    echo "debian.sh: no apt source of this machine has Debian 12" >&2
    exit 1
}

# Under another name until it is whole, so that half of one is never used.
rm -rf "$dir.part"
mkdir -p "$dir.part"
debootstrap --variant=minbase --include=ca-certificates bookworm \
    "$dir.part" "$mirror" >"$dir.log" 2>&1 || {
    tail "$dir.log" >&2
    exit 1
}
sources | sed 's/^/deb /' >"$dir.part/etc/apt/sources.list"
rm -rf "$dir.part"/var/cache/apt/archives/*.deb \
    "$dir.part"/var/lib/apt/lists/*
mv "$dir.part" "$dir"
