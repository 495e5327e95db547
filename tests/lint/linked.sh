#!/bin/sh
# Libraries that one program needs are that program's alone: XGBoost the
# trainer's, libcurl the service's, ncurses the command's.
set -eu
B=${B:-build/release}

loads() { # PROGRAM LIBRARY: does it load it?
    objdump -p "$1" | grep -q "NEEDED.*$2"
}

only() { # LIBRARY OWNER OTHER...: it is loaded by OWNER and by no other
    library=$1
    loads "$2" "$library" || {
        echo "linked.sh does not find what it should: $library in $2"
        exit 1
    }
    shift 2
    for program in "$@"; do
        if loads "$program" "$library"; then
            echo "$program links $library"
            exit 1
        fi
    done
}

only xgboost "$B/rue-train" "$B/rued" "$B/rue" "$B/librue.so"
only libcurl "$B/rued" "$B/rue-train" "$B/rue" "$B/librue.so" "$B/librue-local.so"
only ncurses "$B/rue" "$B/rued" "$B/rue-train" "$B/librue.so" "$B/librue-local.so"
