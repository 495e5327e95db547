#!/bin/sh
# What `make install` puts down is what a program needs: header, libraries and
# pkg-config file, found where they were installed and nowhere else; the unit
# names the installed program; the default configuration is good. B is the
# build directory, CC the compiler it was built with.
set -eu
B=${B:-build/release}
CC=${CC:-gcc}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
root=$dir/root
fail() {
    echo "install.sh: $*"
    exit 1
}

# As the user's own make, not as a part of the one that runs the tests.
unset MAKEFLAGS MAKELEVEL MFLAGS
variant=${B##*/}
make --no-print-directory install BUILD="${B%/*}" VARIANT="$variant" \
    CC="$CC" DESTDIR="$root" PREFIX=/usr >"$dir/log" 2>&1 ||
    fail "$(cat "$dir/log")"
! grep -E '^  (CC|LINK) ' "$dir/log" ||
    fail "make install built again what make had built"

# ---- programs, unit, configuration
for program in rued rue rue-train; do
    "$root/usr/bin/$program" --help >/dev/null || fail "$program --help"
done
exec=$(sed -n 's/^ExecStart=\([^ ]*\) .*/\1/p' \
    "$root/usr/lib/systemd/system/rued.service")
[ -x "$root$exec" ] || fail "the unit starts '$exec', which is not installed"
config=$(sed -n 's/^ExecStart=.* --config \([^ ]*\).*/\1/p' \
    "$root/usr/lib/systemd/system/rued.service")
"$root/usr/bin/rue" config check "$root$config" || fail "default configuration"
"$root/usr/bin/rue" config show >/dev/null || fail "no defaults to show"
! grep -rI '@[A-Z]*@' "$root/usr/lib" || fail "a placeholder was left"

# A configuration that is there is somebody's: it stays.
echo "data: /srv/rue" >"$root/etc/rue/rued.yaml"
make --no-print-directory install BUILD="${B%/*}" VARIANT="$variant" \
    CC="$CC" DESTDIR="$root" PREFIX=/usr >/dev/null
[ "$(cat "$root/etc/rue/rued.yaml")" = "data: /srv/rue" ] ||
    fail "make install wrote over a configuration"

# ---- names: the header's functions, and nothing else
sed -n 's/^[a-z].*[ *]\(rue_[a-z_]*\)($/\1/p
    s/^[a-z].*[ *]\(rue_[a-z_]*\)(.*/\1/p' "$root/usr/include/rue/rue.h" |
    grep -v '^rue_done$' | sort -u >"$dir/declared"
[ -s "$dir/declared" ] || fail "found no function in rue.h"
nm -D --defined-only "$root/usr/lib/librue.so" | awk '{ print $3 }' |
    sort >"$dir/shared"
nm -g --defined-only "$root/usr/lib/librue.a" | awk 'NF == 3 { print $3 }' |
    sort >"$dir/static"
for library in shared static; do
    diff "$dir/declared" "$dir/$library" ||
        fail "the $library library (>) is not the header (<)"
done

# ---- programs of others
pc() { # OPTION...
    PKG_CONFIG_PATH=$root/usr/lib/pkgconfig pkg-config \
        --define-variable=prefix="$root/usr" "$@" rue
}
[ "$(pc --modversion)" = "$("$B/rue" --version | sed 's/.* //')" ] ||
    fail "rue.pc has the version $(pc --modversion)"
case $variant in
release | debug) sanitizer= ;;
cov) sanitizer=--coverage ;;
*)
    echo "install.sh: a library under $variant wants programs under it" \
        "too: not compiled against"
    exit 0
    ;;
esac

# shellcheck disable=SC2046
"$CC" -std=c17 -Wall -Wextra -Werror examples/decide.c -o "$dir/decide" \
    $(pc --cflags --libs)
LD_LIBRARY_PATH=$root/usr/lib ldd "$dir/decide" |
    grep -q "librue.so.0 => $root/usr/lib/librue.so.0" ||
    fail "not linked to the installed librue.so.0"

# -l:NAME, since a linker that finds both takes the shared one.
# shellcheck disable=SC2046
"$CC" -std=c17 -Wall -Wextra -Werror examples/decide.c -o "$dir/decide-static" \
    $(pc --static --cflags --libs | sed 's/-lrue\b/-l:librue.a/') $sanitizer
! ldd "$dir/decide-static" | grep librue || fail "linked to a librue.so"

# The header is C++ too, where there is a compiler for it.
if command -v g++ >/dev/null 2>&1; then
    echo '#include <rue/rue.h>
int main() { return rue_status_name(RUE_OK) == nullptr; }' >"$dir/main.cc"
    # shellcheck disable=SC2046
    g++ -Wall -Wextra -Wpedantic -Werror "$dir/main.cc" -o "$dir/main" \
        $(pc --cflags --libs)
fi

# They run: the endpoint is refused by the library, not by the loader.
for program in decide decide-static; do
    status=0
    LD_LIBRARY_PATH=$root/usr/lib "$dir/$program" nowhere \
        >"$dir/out" 2>&1 || status=$?
    { [ $status -eq 1 ] && grep -q '^decide: the endpoint' "$dir/out"; } ||
        fail "$program: $(cat "$dir/out")"
done
