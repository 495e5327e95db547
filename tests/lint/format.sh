#!/bin/sh
# Every source file is as clang-format lays it out (make fmt).
set -eu
git ls-files '*.c' '*.h' | xargs clang-format --dry-run -Werror
git ls-files '*.sh' | xargs shellcheck -x -s sh
