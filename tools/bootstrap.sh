#!/bin/sh
# Make .venv in this checkout hold what a lock file says, and flock itself; then, for `up`, start flock.
# usage: tools/bootstrap.sh up | runtime | dev      (called by the Makefile; safe to repeat, to interrupt, to run twice at once)
#   runtime   requirements.lock            dev   requirements-dev.lock, a superset            up   runtime, links, flock up
# Says one line per step on stderr, and nothing when there is nothing to do.
set -eu
unset PYTHONHOME PYTHONPATH MAKEFLAGS MAKELEVEL MFLAGS CDPATH 2>/dev/null || :
cd "$(dirname "$0")/.."
here=$(pwd -P)
wanted=${1:-up}
busy=.venv.lock      # a directory, since making one is atomic everywhere; holds the pid of its owner
log=.venv/install.log
half=.venv/.half     # exists while .venv is being changed

say() { printf 'flock: %s\n' "$*" >&2; }
stop() {
    say "$1"
    exit "${2:-1}"
}

# --- one at a time -----------------------------------------------------------------------------------------------

let_go() { [ "${ours:-no}" = no ] || { rm -rf "$busy"; ours=no; }; }

take_turn() {
    waited=0 missing=0
    until mkdir "$busy" 2>/dev/null; do
        if [ ! -d "$busy" ]; then # its owner let go just now, or nothing can be made here at all
            missing=$((missing + 1))
            [ "$missing" -lt 5 ] || stop "cannot write in $here: give yourself the right to, or clone into a directory of yours"
            continue
        fi
        missing=0
        owner=$(cat "$busy/pid" 2>/dev/null || :)
        if [ -n "$owner" ] && ! kill -0 "$owner" 2>/dev/null || { [ -z "$owner" ] && [ "$waited" -ge 5 ]; }; then
            # Its owner was killed. Moving it away lets one of several waiters win; what was moved may by then be
            # the winner's own.
            if mv "$busy" "$busy.$$" 2>/dev/null; then
                [ "$(cat "$busy.$$/pid" 2>/dev/null || :)" = "$owner" ] || mv "$busy.$$" "$busy" 2>/dev/null || :
                rm -rf "$busy.$$"
            fi
            continue
        fi
        [ "$waited" -ne 1 ] || say "waiting for another run in this checkout (process ${owner:-unknown})"
        [ "$waited" -lt 900 ] || stop "process $owner still holds $here/$busy: end it, or remove that directory" 75
        sleep 1
        waited=$((waited + 1))
    done
    ours=yes
    echo $$ >"$busy/pid"
}

trap let_go EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# --- Python ------------------------------------------------------------------------------------------------------

new_enough() { "$1" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() { # sets $python, or stops in one sentence
    lacking=
    for name in python3.13 python3.12 python3.11 python3; do
        path=$(command -v "$name" 2>/dev/null) && new_enough "$path" || continue
        if "$path" -I -c 'import ensurepip, venv' >/dev/null 2>&1; then
            python=$path
            return
        fi
        lacking=${lacking:-$path}
    done
    if [ -n "$lacking" ]; then
        package=$("$lacking" -I -c 'import sys; print("python3.%d-venv" % sys.version_info[1])')
        [ "$lacking" != /usr/bin/python3 ] || package=python3-venv
        stop "$lacking cannot make virtual environments: sudo apt install $package, then run this again" 69
    fi
    if command -v apt-get >/dev/null 2>&1; then
        stop "Python 3.11 or newer is missing: sudo apt install python3 python3-venv, then run this again" 69
    fi
    stop "Python 3.11 or newer is missing: install it (macOS: brew install python@3.13), then run this again" 69
}

# --- the environment ---------------------------------------------------------------------------------------------

fingerprint() { # what an installation depends on: the place too, since the scripts in .venv/bin name it
    { printf '%s\n' "$here" && cat "$@" pyproject.toml hatch_build.py LICENSE flock/__init__.py flock/smoke/facts.py \
        tools/gguf_writer.py tools/chain_model.py tools/smoke_model.py; } | cksum
}

current() { # current KIND SUM
    [ ! -e "$half" ] && [ "$(cat ".venv/.$1" 2>/dev/null)" = "$2" ] && [ -e flock/smoke/flock-smoke.gguf ] &&
        .venv/bin/flock --version >/dev/null 2>&1
}

usable() { [ ! -e "$half" ] && new_enough .venv/bin/python && .venv/bin/python -I -m pip --version >/dev/null 2>&1; }

pip_install() { # pip_install WHAT ARGUMENT...
    what=$1
    shift
    # PIP_USER from a pip.conf would install past the environment
    PIP_USER=0 .venv/bin/python -I -m pip install --disable-pip-version-check --no-input "$@" >>"$log" 2>&1 && return
    tail -n 20 "$log" >&2
    say "installing $what failed; the last lines of $here/$log stand above"
    stop "mend the cause (often the network, a proxy, or the disk), then run the same command again"
}

install() { # install KIND LOCK SUM
    kind=$1 lock=$2 sum=$3
    if ! usable; then
        [ ! -e .venv ] || say "making .venv again: an earlier run was interrupted, or its Python is gone"
        find_python
        rm -rf .venv
        say "making .venv with $python ($("$python" -I -c 'import platform; print(platform.python_version())'))"
        mkdir .venv
        : >"$half"
        "$python" -I -m venv .venv >"$log" 2>&1 || {
            tail -n 20 "$log" >&2
            stop "making a virtual environment with $python failed: its words stand above; mend that and run this again"
        }
    fi
    : >"$half"
    : >"$log"
    say "installing what $lock lists ($(grep -c '^[a-z0-9].*==' "$lock") packages)"
    pip_install "$lock" --require-hashes -r "$lock"
    say "installing flock $(sed -n 's/^__version__ = "\(.*\)"$/\1/p' flock/__init__.py) from $here"
    pip_install flock --no-deps --no-build-isolation --editable .
    .venv/bin/flock --version >>"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        stop "the installed flock does not start: its words stand above"
    }
    rm -f .venv/.runtime .venv/.dev
    echo "$sum" >".venv/.$kind"
    [ "$kind" != dev ] || fingerprint requirements.lock >.venv/.runtime
    rm -f "$half"
}

ensure() { # ensure KIND LOCK...
    kind=$1
    shift
    sum=$(fingerprint "$@")
    current "$kind" "$sum" && return
    take_turn
    current "$kind" "$sum" || install "$kind" "$1" "$sum" # another run may have done it meanwhile
    let_go
}

# --- the commands ------------------------------------------------------------------------------------------------

link() { # link NAME: make ~/.local/bin/NAME lead here, unless something that is not ours has that name
    target=$here/.venv/bin/$1
    place=$HOME/.local/bin/$1
    [ "$(readlink "$place" 2>/dev/null)" != "$target" ] || return 0
    if [ -L "$place" ] && [ ! -e "$place" ]; then
        case $(readlink "$place") in
        */.venv/bin/"$1") rm -f "$place" ;; # of a checkout that is gone
        esac
    fi
    if [ -e "$place" ] || [ -L "$place" ]; then
        say "left $place alone, since this checkout did not make it; the command is also $target"
        return 0
    fi
    mkdir -p "$HOME/.local/bin" 2>/dev/null && ln -s "$target" "$place" 2>/dev/null ||
        say "cannot write in $HOME/.local/bin; the command is $target"
}

case $wanted in
runtime | up) ensure runtime requirements.lock ;;
dev) ensure dev requirements-dev.lock requirements.lock ;;
*) stop "usage: tools/bootstrap.sh up | runtime | dev" 2 ;;
esac
[ "$wanted" = up ] || exit 0
if [ -n "${HOME:-}" ]; then
    link flock
    link flockctl
else
    say "HOME is not set, so there is no ~/.local/bin to link into; the command is $here/.venv/bin/flock"
fi
exec .venv/bin/flock up
