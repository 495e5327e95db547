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

# ---- names: the headers' functions, and nothing else
include=$root/usr/include/rue
functions() { # HEADER...
    sed -n 's/^[a-z].*[ *]\(rue_[a-z_]*\)($/\1/p
        s/^[a-z].*[ *]\(rue_[a-z_]*\)(.*/\1/p' "$@" |
        grep -v '^rue_done$\|^rue_local_clock$' | sort -u
}
names() { # LIBRARY HEADER...
    library=$1
    shift
    functions "$@" >"$dir/declared"
    [ -s "$dir/declared" ] || fail "found no function in $*"
    nm -D --defined-only "$root/usr/lib/$library.so" | awk '{ print $3 }' |
        sort >"$dir/shared"
    nm -g --defined-only "$root/usr/lib/$library.a" |
        awk 'NF == 3 { print $3 }' | sort >"$dir/static"
    for kind in shared static; do
        diff "$dir/declared" "$dir/$kind" ||
            fail "the $kind $library (>) is not its headers (<)"
    done
}
names librue "$include/rue.h"
names librue-local "$include/rue.h" "$include/rue-local.h"

# ---- programs of others
package() { # PACKAGE OPTION...
    package=$1
    shift
    PKG_CONFIG_PATH=$root/usr/lib/pkgconfig pkg-config \
        --define-variable=prefix="$root/usr" "$@" "$package"
}
pc() { # OPTION...
    package rue "$@"
}
for name in rue rue-local; do
    [ "$(package $name --modversion)" = \
        "$("$B/rue" --version | sed 's/.* //')" ] ||
        fail "$name.pc has the version $(package $name --modversion)"
done
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

# The headers are C++ too, where there is a compiler for it.
if command -v g++ >/dev/null 2>&1; then
    echo '#include <rue/rue-local.h>
int main() {
    rue_local_options options;
    rue_local_options_init(&options);
    return rue_status_name(RUE_OK) == nullptr || options.events_max == 0;
}' >"$dir/main.cc"
    # shellcheck disable=SC2046
    g++ -Wall -Wextra -Wpedantic -Werror "$dir/main.cc" -o "$dir/main" \
        $(package rue-local --cflags --libs)
    LD_LIBRARY_PATH=$root/usr/lib "$dir/main" || fail "the program in C++"
fi

# rue in the program's own process, shared and static: it decides.
echo '#include <rue/rue-local.h>
#include <stdio.h>
int main(void)
{
    rue_question question = {.event = "e1"};
    rue_local_options options;
    char error[256] = "";
    rue_answer answer;
    rue_local_options_init(&options);
    options.config = "problems: [{name: a, actions: [x]}]";
    rue_client *client = rue_open_local(&options, error, sizeof(error));
    if (client == NULL ||
            rue_decide(client, "a", &question, &answer) != RUE_OK)
        return 1;
    puts(answer.action);
    rue_close(client);
    return 0;
}' >"$dir/own.c"
# shellcheck disable=SC2046
"$CC" -std=c17 -Wall -Wextra -Werror "$dir/own.c" -o "$dir/own" \
    $(package rue-local --cflags --libs)
# shellcheck disable=SC2046
"$CC" -std=c17 -Wall -Wextra -Werror "$dir/own.c" -o "$dir/own-static" \
    $(package rue-local --static --cflags --libs |
        sed 's/-lrue-local\b/-l:librue-local.a/') $sanitizer
! ldd "$dir/own-static" | grep librue || fail "linked to a librue-local.so"
for program in own own-static; do
    [ "$(LD_LIBRARY_PATH=$root/usr/lib "$dir/$program")" = x ] ||
        fail "$program does not decide"
done

# They run: the endpoint is refused by the library, not by the loader.
for program in decide decide-static; do
    status=0
    LD_LIBRARY_PATH=$root/usr/lib "$dir/$program" nowhere \
        >"$dir/out" 2>&1 || status=$?
    { [ $status -eq 1 ] && grep -q '^decide: the endpoint' "$dir/out"; } ||
        fail "$program: $(cat "$dir/out")"
done
