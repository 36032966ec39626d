# Make a virtual environment below .engines/ hold one real engine; sourced by the scripts beside it, not run by itself.
# Owns what they have in common: an environment that an interrupted run leaves behind is made again, one that was made
# by this version of the script and still answers is kept. NAME.txt beside it holds the versions of everything else.
# Before sourcing: name, prefix (below .engines), title, about; then call `made` or `install`, and `finish`.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd -P)
prefix=$root/.engines/$prefix
python=$prefix/bin/python
log=$root/.engines/$name.log
versions=$root/tests/engines/install/$name.txt
sum=$(cat "$root/tests/engines/install/$name.sh" "$versions" "${BASH_SOURCE[0]}" | cksum)

# Say whether it is there: made whole by this script, in this place, and still able to start Python.
made() {
    [ "$(cat "$prefix/.made" 2>/dev/null)" = "$sum $prefix" ] && "$python" -I -c '' >/dev/null 2>&1
}

fail() { # fail SENTENCE
    tail -n 20 "$log" >&2
    echo "$title: $1; the last lines of $log stand above" >&2
    exit 1
}

pip() { # pip ARGUMENT...   PIP_USER from a pip.conf would install past the environment
    PIP_USER=0 "$python" -I -m pip "$@" --disable-pip-version-check --no-input >>"$log" 2>&1
}

install() { # install REQUIREMENT...
    base=$root/.venv/bin/python
    [ -x "$base" ] || {
        echo "$title: .venv is missing: tools/bootstrap.sh dev makes it" >&2
        exit 69
    }
    echo "$title: installing $* into $prefix ($about)" >&2
    rm -rf "$prefix"
    mkdir -p "$prefix"
    : >"$log"
    "$base" -I -m venv "$prefix" >>"$log" 2>&1 || fail "making a virtual environment failed"
    pip install --constraint "$versions" "$@" || fail "pip could not install it"
}

finish() { # what stands here is whole
    echo "$sum $prefix" >"$prefix/.made"
    rm -f "$log"
}
