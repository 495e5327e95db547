#!/bin/sh
# Memcheck over the unit tests given, and over rued itself while it is asked,
# told, reloaded, stopped and started again. B is the build directory.
# Valgrind refuses maps of 64 GB, so the store's is small.
set -eu
B=${B:-build/release}
dir=$(mktemp -d)
endpoint=ipc://$dir/rue.sock
pid=
stop() {
    [ -z "$pid" ] || kill "$pid" 2>/dev/null || true
    [ -z "$pid" ] || wait "$pid" 2>/dev/null || true
    rm -rf "$dir"
}
trap stop EXIT
trap 'exit 1' INT TERM

# No function around it: $! would be the shell that runs the function.
memcheck="valgrind --quiet --error-exitcode=99 --leak-check=full
    --errors-for-leak-kinds=definite --show-leak-kinds=definite
    --suppressions=tests/lint/valgrind.supp"

failed=0
for test in "$@"; do
    # shellcheck disable=SC2086 # the options are words
    if CK_FORK=no $memcheck "$test" >"$dir/log" 2>&1; then
        echo "  ok    $test"
    else
        echo "  FAIL  $test"
        sed 's/^/        /' "$dir/log"
        failed=1
    fi
done

# start, ask, end: one life of rued under memcheck.
start() {
    # shellcheck disable=SC2086 # the options are words
    $memcheck "$B/rued" --config "$dir/rued.yaml" 2>"$dir/rued.err" &
    pid=$!
    tries=0
    until ask status --timeout 1000 >/dev/null 2>&1; do
        tries=$((tries + 1))
        if [ $tries -gt 60 ] || ! kill -0 "$pid" 2>/dev/null; then
            cat "$dir/rued.err"
            exit 1
        fi
    done
}
ask() {
    "$B/rue" "$@" --connect "$endpoint"
}
end() {
    kill "$pid"
    if wait "$pid"; then
        echo "  ok    rued, $1"
    else
        echo "  FAIL  rued, $1"
        sed 's/^/        /' "$dir/rued.err"
        failed=1
    fi
    pid=
}
# configure THREADS WAIT
configure() {
    {
        echo "listen: $endpoint"
        echo "data: $dir/data"
        echo "engine_threads: $1"
        echo "storage: {map_size: 64MiB, keep: 1h}"
        echo "problems:"
        "$B/rue" sim sor --config --policy shared --seeds 1
        "$B/rue" sim groupwise --config
        echo "  - name: short"
        echo "    actions: [a, b]"
        echo "    durability: relaxed"
        echo "    reward: {wait: $2}"
        echo "    policy: {learner: tsallis-inf}"
    } >"$dir/rued.yaml"
}

for threads in 0 2; do
    configure $threads 100ms
    start
    ask sim sor --policy shared --seeds 1 --rounds 150 --timeout 60000 \
        >"$dir/log"
    ask sim groupwise --rounds 100 --timeout 60000 >"$dir/log"
    ask decide short --event "again-$threads" --timeout 60000 >"$dir/log"
    ask decide short --event "again-$threads" --timeout 60000 >"$dir/log"
    ask decide short --exclude 9 --timeout 60000 >"$dir/log" 2>&1 && exit 1
    configure $threads 200ms
    kill -HUP "$pid"
    ask decide short --timeout 60000 >"$dir/log"
    ask status short --timeout 60000 >"$dir/log"
    end "$threads engine threads"
done
"$B/rue" verify "$dir/data" >"$dir/log" || {
    cat "$dir/log"
    failed=1
}
[ "$failed" -eq 0 ]
