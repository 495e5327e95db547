#!/bin/sh
# XGBoost is the trainer's alone: what serves, what people run and what clients
# link must not load it.
set -eu
B=${B:-build/release}

loads() { # PROGRAM: does it load XGBoost?
    objdump -p "$1" | grep -q 'NEEDED.*xgboost'
}

loads "$B/rue-train" || {
    echo "linked.sh does not find what it should: rue-train"
    exit 1
}
for program in "$B/rued" "$B/rue" "$B/librue.so"; do
    if loads "$program"; then
        echo "$program links XGBoost"
        exit 1
    fi
done
