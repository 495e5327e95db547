#!/bin/sh
# Static analysis: cppcheck, clang-tidy, and gcc's own.
set -eu
B=${B:-build/release}
# shellcheck disable=SC2046
cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 \
    --enable=warning,portability --suppress=missingIncludeSystem \
    --suppress=normalCheckLevelMaxBranches -I. -I"$B" \
    $(git ls-files '*.c' | grep -v '^tests/')
for file in $(git ls-files '*.c' | grep -v '^tests/\|^bench/'); do
    clang-tidy --quiet "$file" -- -std=c17 -D_GNU_SOURCE \
        -DRUE_VERSION='""' -I. -I"$B" 2>/dev/null
done
