#!/bin/sh
# Installs Debian packages: deps.sh PACKAGE...
set -eu
if ! command -v apt-get >/dev/null 2>&1; then
    echo "rue: needs these Debian 12 packages, and there is no apt-get: $*" >&2
    exit 1
fi
as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "rue: neither root nor sudo; have somebody install: $*" >&2
        exit 1
    fi
    as_root=sudo
fi
echo "installing: $*"
$as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
    --no-install-recommends "$@" >/dev/null
