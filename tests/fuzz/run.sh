#!/bin/sh
# Fuzzes: run.sh SECONDS FUZZER... runs each for that long, two at a time, and
# prints a line for each: executions, edges and features covered, and what was
# found. Exits with 1 if anything was. What a run learns stays under build/, in
# BUILD/fuzz/corpus/NAME; inputs that fail are in BUILD/fuzz/artifacts.
set -eu
here=$(dirname "$0")
build=${BUILD:-build}/fuzz

dictionary() { # NAME: its file of words, if there is one
    case $1 in
    settings | option) echo "$here/config.dict" ;;
    vw_json) echo "$here/dsjson.dict" ;;
    *) [ ! -e "$here/$1.dict" ] || echo "$here/$1.dict" ;;
    esac
}

last() { # PATTERN/REPLACEMENT/ FILE: made of the last line that matches
    sed -n "s/$1p" "$2" | tail -n 1
}

fuzz_one() { # SECONDS FUZZER
    name=$(basename "$2")
    name=${name#fuzz_}
    log=$build/log/$name
    words=$(dictionary "$name")
    found="found nothing"
    mkdir -p "$build/corpus/$name" "$build/artifacts" "$build/log"
    "$2" -max_total_time="$1" -timeout=20 -rss_limit_mb=4096 -max_len=16384 \
        -print_final_stats=1 ${words:+"-dict=$words"} \
        -artifact_prefix="$build/artifacts/$name-" \
        "$build/corpus/$name" "$here/corpus/$name" >"$log" 2>&1 || found=
    [ -n "$found" ] || found=$(last '.*Test unit written to //' "$log")
    runs=$(last '^stat::number_of_executed_units: *//' "$log")
    covered=$(last '.* cov: \([0-9]*\) ft: \([0-9]*\).*/\1 \2/' "$log")
    printf '%-12s %10s runs  %5s edges %6s features  %s\n' "$name" \
        "${runs:-?}" "${covered% *}" "${covered#* }" "${found:-died: $log}"
    [ "$found" = "found nothing" ]
}

if [ "${1:-}" = --one ]; then
    fuzz_one "$2" "$3"
    exit
fi
seconds=$1
shift
printf '%s\n' "$@" | xargs -n 1 -P 2 sh "$0" --one "$seconds" || exit 1
