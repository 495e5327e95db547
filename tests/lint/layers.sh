#!/bin/sh
# The direction of includes: each folder includes itself and the folders of its
# row, and nothing else of ours. Prints file:line of every other include.
set -eu
allowed() {
    case $1 in
    base) echo "base" ;;
    report) echo "report base" ;;
    policies) echo "policies base" ;;
    proto) echo "proto base" ;;
    formats) echo "formats proto base" ;;
    storage) echo "storage proto base" ;;
    service/engine) echo "service/engine policies proto base" ;;
    config) echo "config service/engine policies proto base" ;;
    replay)
        echo "replay formats storage service/engine policies proto base"
        ;;
    training)
        echo "training replay storage service/engine policies proto base"
        ;;
    service)
        echo "service config replay storage service/engine policies proto base"
        ;;
    client) echo "client proto base" ;;
    local)
        echo "local client service config replay storage service/engine" \
            "policies proto base"
        ;;
    training/xgboost) echo "training/xgboost training policies base" ;;
    sim)
        echo "sim report training client replay storage service/engine" \
            "policies proto base"
        ;;
    cli)
        echo "cli sim report training client config replay formats storage" \
            "service/engine policies proto base"
        ;;
    esac
}

check_folder() { # FOLDER ROOT
    for file in "$2/$1"/*.[ch]; do
        [ -e "$file" ] || continue
        grep -n '^#include "' "$file" | while IFS= read -r line; do
            path=${line#*\"}
            path=${path%%\"*}
            folder=${path%/*}
            ok=
            for other in $(allowed "$1"); do
                [ "$folder" != "$other" ] || ok=1
            done
            case $path in
            training/xgboost/booster.h)
                case $file in
                */training/main.c) ok=1 ;;
                esac
                ;;
            proto/rue.pb-c.h)
                case $file in
                */proto/*.[ch] | */client/message.c) ;;
                *) ok= ;;
                esac
                ;;
            esac
            [ -n "$ok" ] || echo "$file:${line%%:*}: $1 may not include $path"
        done
    done
}

check_all() {
    for folder in base report policies proto storage service/engine config \
        replay training service client local sim cli; do
        check_folder "$folder" "$1"
    done
    check_folder formats "$1"
    check_folder training/xgboost "$1"
}

# The check can fail: a policy that includes the service is found.
self=$(mktemp -d)
trap 'rm -rf "$self"' EXIT
mkdir -p "$self/policies"
echo '#include "service/front.h"' >"$self/policies/bad.c"
[ -n "$(check_all "$self")" ] || {
    echo "layers.sh does not find what it should"
    exit 1
}

found=$(check_all .)
[ -z "$found" ] || {
    echo "$found"
    exit 1
}
