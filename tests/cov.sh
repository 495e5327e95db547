#!/bin/sh
# Lines covered, per folder and in total: cov.sh BUILD_DIRECTORY, after the
# tests ran there. `folder covered/total percent` a line.
#
# A line counts once however many objects hold it (inline functions of
# headers), and as covered if any of them ran it. Files that no test linked
# count too: their notes (.gcno) say what lines they have.
set -eu
b=$1
notes=$(find "$b" -name '*.gcno' ! -path "$b/tests/*" ! -path "$b/bench/*" \
    ! -path "$b/proto/rue.pb-c*")
[ -n "$notes" ] || {
    echo "cov.sh: nothing in $b was built with coverage" >&2
    exit 1
}

# gcov's text: COUNT:LINE:SOURCE, with line 0 for what it says of the file. The
# count is `-` for no code, `#####` or `=====` for code that did not run.
# shellcheck disable=SC2086
gcov --stdout $notes 2>/dev/null | awk -F: '
    $2 + 0 == 0 {
        if ($3 == "Source") {
            file = $4
            ours = file !~ /^\// && file !~ /\.pb-c\./
        }
        next
    }
    !ours || $1 ~ /^ *-$/ { next }
    {
        key = file ":" $2 + 0
        if (!(key in ran)) {
            ran[key] = 0
            folder = file
            if (!sub("/[^/]*$", "", folder))
                folder = "."
            of[key] = folder
        }
        if ($1 !~ /[#=]/)
            ran[key] = 1
    }
    END {
        for (key in ran) {
            total[of[key]]++
            covered[of[key]] += ran[key]
            total["~"]++
            covered["~"] += ran[key]
        }
        for (folder in total)
            printf "%-16s %6d/%-6d %5.1f\n", folder, covered[folder],
                total[folder], 100 * covered[folder] / total[folder]
    }' | LC_ALL=C sort | sed 's/^~    /total/'
