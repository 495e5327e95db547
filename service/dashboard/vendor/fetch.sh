#!/bin/sh
# Fetches uPlot from the npm registry again and checks that it is what was
# pinned: the archive by npm's integrity hash, then that the files beside this
# script are those of the archive. With `update` they are replaced by them.
set -eu
name=uplot
version=1.6.32
integrity=sha512-KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw==
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm pack --silent "$name@$version" >/dev/null
got=sha512-$(openssl dgst -sha512 -binary "$name-$version.tgz" | base64 -w 0)
[ "$got" = "$integrity" ] || {
    echo "vendor: $name $version is not what was pinned: $got"
    exit 1
}
tar xzf "$name-$version.tgz"
for pair in dist/uPlot.iife.min.js:uPlot.iife.min.js \
    dist/uPlot.min.css:uPlot.min.css LICENSE:uPlot.LICENSE; do
    from=package/${pair%%:*} to=$here/${pair##*:}
    [ "${1:-}" != update ] || cp "$from" "$to"
    cmp "$from" "$to" || {
        echo "vendor: ${pair##*:} is not that of $name $version"
        exit 1
    }
done
echo "vendor: $name $version, as pinned"
