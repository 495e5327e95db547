#!/bin/sh
# Functions that have a safer form, and sleeping in tests. Prints file:line.
set -eu
banned='strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|atof|strtok|rand|srand|gmtime|localtime|asctime|ctime|alloca'
scan() {
    for file in "$@"; do
        sed -e 's|//.*||' "$file" |
            grep -nE "(^|[^_a-zA-Z0-9])($banned)[ ]*\(" |
            sed "s|^|$file:|" || true
        case $file in
        tests/*)
            grep -nE '(^|[^_a-zA-Z0-9])(sleep|usleep|nanosleep)[ ]*\(' "$file" |
                sed "s|^|$file:|" || true
            ;;
        esac
    done
}

self=$(mktemp)
trap 'rm -f "$self"' EXIT
echo 'int f(char *a, const char *b) { strcpy(a, b); return 0; }' >"$self"
[ -n "$(scan "$self")" ] || {
    echo "banned.sh does not find what it should"
    exit 1
}

# shellcheck disable=SC2046
found=$(scan $(git ls-files '*.c' '*.h'))
[ -z "$found" ] || {
    echo "$found"
    exit 1
}
