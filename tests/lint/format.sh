#!/bin/sh
# Every source file is as clang-format lays it out (make fmt).
set -eu
# shellcheck disable=SC2046
clang-format --dry-run -Werror $(git ls-files '*.c' '*.h')
shellcheck -s sh $(git ls-files '*.sh')
