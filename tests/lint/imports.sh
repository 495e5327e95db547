#!/bin/sh
# What policies may call outside themselves: memory blocks, exact mathematics, and
# base/. A malloc, a clock, a file or a printf in a policy fails here, and so does
# a function whose last bit differs between processors (policies/portable.h has
# those).
set -eu
B=${B:-build/release}
allowed='memcpy|memchr|memset|memmove|memcmp|strlen|sqrt|fabs|fmin|fmax|floor|ceil|ldexp|frexp'
# What compilers, fortification and sanitizers add of themselves (bcmp: clang,
# for a memcmp of which only zero matters; __cpu: which clone of a kernel the
# processor can run).
added='bcmp|__cpu_model|__cpu_indicator_init|__stack_chk_fail|__memcpy_chk|__memset_chk|_GLOBAL_OFFSET_TABLE_|__asan_.*|__ubsan_.*|__tsan_.*|__gcov_.*|__sanitizer_.*|mcount'

defined() { # ARCHIVE: what it defines
    nm -g --defined-only "$1" | awk 'NF == 3 { print $3 }' | sort -u
}

check() { # ARCHIVE
    nm -u "$1" | awk 'NF == 2 { print $2 }' | sort -u >"$dir/wanted"
    { defined "$B/libpolicies.a"; defined "$B/libbase.a"; } |
        sort -u >"$dir/ours"
    comm -23 "$dir/wanted" "$dir/ours" |
        grep -vE "^($allowed|$added)$" || true
}

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
echo '#include <stdlib.h>
void *f(void); void *f(void) { return malloc(1); }' >"$dir/bad.c"
"${CC:-cc}" -c "$dir/bad.c" -o "$dir/bad.o"
[ -n "$(check "$dir/bad.o")" ] || {
    echo "imports.sh does not find what it should"
    exit 1
}

found=$(check "$B/libpolicies.a")
[ -z "$found" ] || {
    echo "policies call what they may not:"
    echo "$found"
    exit 1
}
