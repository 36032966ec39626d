#!/bin/bash
# Install the command-line clients that tests/clients drives, at the versions below, into .engines/clients: node and the
# npm packages under node_modules, aider in a Python environment of its own. Needs no root. A client that is there at
# its version and answers --version is kept; remove .engines/clients to begin again.
# usage: tests/engines/install/clients.sh      (Linux and macOS with npm and Python 3.10, 3.11 or 3.12)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
prefix=$PWD/.engines/clients
modules=$prefix/node_modules

say() { echo "clients: $*" >&2; }

# A client's --version, with a home of its own so that it leaves nothing in the user's.
version_of() {
    env -i HOME="$prefix/home" PATH="$prefix/bin:$modules/.bin:$PATH" LANG=C.UTF-8 "$@" --version 2>/dev/null || true
}

# name, version, what answers --version
there() {
    local said
    said=$(version_of "$3")
    [[ " $said " == *[!0-9.]"$2"[!0-9.]* ]]
}

mkdir -p "$prefix/home" "$prefix/bin"
if ! command -v npm >/dev/null; then
    say "npm is missing: install node 20 or newer with its npm, then run this again"
    exit 69
fi

# node first, and npm run by it: npm takes an OLD release of a client, without a word, where the running node is too old
# for the new one.
node=22.23.3
if ! there node "$node" "$modules/node/bin/node"; then
    say "installing node $node into $prefix"
    npm install --prefix "$prefix" --no-save --no-package-lock --no-audit --no-fund --loglevel=error "node@$node" >&2
fi
export PATH=$modules/node/bin:$PATH
[ "$(node --version)" = "v$node" ] || {
    say "node $node was installed and does not answer: $modules/node/bin/node --version"
    exit 69
}

packages=(
    "claude @anthropic-ai/claude-code 2.1.329"
    "codex @openai/codex 0.169.0"
    "opencode opencode-ai 1.18.33"
    "qwen @qwen-code/qwen-code 0.24.4"
    "gemini @google/gemini-cli 0.61.0"
    "cn @continuedev/cli 1.5.47"
    "cline cline 3.0.65"
    "kilo @kilocode/cli 7.7.7" # 7.8.1 does not install: one of its platform's packages was never published
)
wanted=()
for line in "${packages[@]}"; do
    read -r command package version <<<"$line"
    there "$command" "$version" "$modules/.bin/$command" || wanted+=("$package@$version")
done
if [ ${#wanted[@]} -gt 0 ]; then
    say "installing ${wanted[*]}"
    all=("node@$node")
    for line in "${packages[@]}"; do
        read -r command package version <<<"$line"
        all+=("$package@$version")
    done
    # all of them at once: npm removes what an unsaved install does not name
    npm install --prefix "$prefix" --no-save --no-package-lock --no-audit --no-fund --loglevel=error "${all[@]}" >&2
fi

aider=0.86.2
if ! there aider "$aider" "$prefix/aider/bin/aider"; then
    python=
    for candidate in python3.12 python3.11 python3.10 python3; do
        command -v "$candidate" >/dev/null || continue
        "$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 13))' 2>/dev/null || continue
        python=$candidate && break
    done
    [ -n "$python" ] || {
        say "aider $aider needs Python 3.10, 3.11 or 3.12, and none of them is here"
        exit 69
    }
    say "installing aider $aider with $python"
    rm -rf "$prefix/aider"
    "$python" -m venv "$prefix/aider"
    "$prefix/aider/bin/python" -m pip install -qq --disable-pip-version-check "aider-chat==$aider" >&2
fi

for line in "${packages[@]}"; do
    read -r command package version <<<"$line"
    there "$command" "$version" "$modules/.bin/$command" || {
        say "$command $version was installed and says otherwise: $(version_of "$modules/.bin/$command")"
        exit 69
    }
done
there aider "$aider" "$prefix/aider/bin/aider" || {
    say "aider $aider was installed and does not answer: $prefix/aider/bin/aider --version"
    exit 69
}
