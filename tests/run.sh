#!/bin/sh
# Runs each test program given, shows the output of those that fail, and ends
# with one line: N passed, N failed. Programs are named by path; a program
# passes when it exits with 0.
# What hangs is ended; four seconds, libcheck's own default, is what a test may
# take on a busy machine.
export CK_DEFAULT_TIMEOUT="${CK_DEFAULT_TIMEOUT:-120}"
passed=0
failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for test in "$@"; do
    start=$(date +%s)
    if "$test" >"$log" 2>&1; then
        passed=$((passed + 1))
        printf '  ok    %s (%ss)\n' "$test" "$(($(date +%s) - start))"
    else
        failed=$((failed + 1))
        printf '  FAIL  %s\n' "$test"
        sed 's/^/        /' "$log"
    fi
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
