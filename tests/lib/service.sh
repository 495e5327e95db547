# For the scripts of tests/system, sourced first: a scratch folder that goes when
# the script ends, the service that `serve` starts in it, and checks of what
# programs said. B is the build directory.
# shellcheck shell=sh
set -eu
B=${B:-build/release}
export B
me=${0##*/}
dir=$(mktemp -d)
export dir
export PYTHONDONTWRITEBYTECODE=1 # the checkout stays as it is
endpoint=ipc://$dir/socket
pid=
# What Python started (tests/lib/live.py), it has noted in a file.
stop() {
    [ -z "$pid" ] || kill "$pid" 2>/dev/null || true
    [ -z "$pid" ] || wait "$pid" 2>/dev/null || true
    for noted in "$dir"/*.pid; do
        [ ! -s "$noted" ] || kill -9 "$(cat "$noted")" 2>/dev/null || true
    done
    rm -rf "$dir"
}
trap stop EXIT
trap 'exit 1' INT TERM

# broken WHAT...: the test has failed; what was said last tells why.
broken() {
    echo "${me%.sh}: $*"
    for file in out err rued.log; do
        [ ! -s "$dir/$file" ] || { echo "--- $file" && tail -20 "$dir/$file"; }
    done
    exit 1
}

# call STATUS ARGUMENT...: rue ends with STATUS; $dir/out and $dir/err hold what
# it said.
call() {
    wanted=$1
    shift
    got=0
    "$B/rue" "$@" >"$dir/out" 2>"$dir/err" </dev/null || got=$?
    [ "$got" -eq "$wanted" ] || broken "rue $*: exit status $got, not $wanted"
}
# said FILE TEXT: $dir/FILE holds the text.
said() {
    grep -qF -- "$2" "$dir/$1" || broken "$1 says nothing of: $2"
}

# serve [ARGUMENT]...: rued on $dir/rued.yaml and $dir/data, once it answers.
# shellcheck disable=SC2120 # none is usual
serve() {
    "$B/rued" --config "$dir/rued.yaml" --data "$dir/data" \
        --listen "$endpoint" "$@" 2>>"$dir/rued.log" &
    pid=$!
    tries=0
    until "$B/rue" status --connect "$endpoint" --timeout 500 \
        >/dev/null 2>&1; do
        tries=$((tries + 1))
        if [ $tries -gt 600 ] || ! kill -0 "$pid" 2>/dev/null; then
            broken "rued does not answer"
        fi
    done
}
# served: it ends, as it should, when it is asked to.
served() {
    kill "$pid"
    wait "$pid" || broken "rued: exit status $?"
    pid=
}
# The port on which the service that was started last serves HTTP.
http_port() {
    sed -n 's/.*id=http.listening port=\([0-9]*\).*/\1/p' "$dir/rued.log" |
        tail -1
}
