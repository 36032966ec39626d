"""The parts of the completion scripts that no command changes, in the languages of the shells.

Owns text only; `completion.py` fills in the words between the "@" marks.
"""

POSIX = r"""# The ids of one noun, one to a line, as the daemon left them.
_flock_ids() {
    local run id
    if [ -n "${FLOCK_HOME-}" ]; then
        run=$FLOCK_HOME/run
    elif [ -n "${FLOCK_DATA_DIR-}" ]; then
        run=$FLOCK_DATA_DIR/run
    else
        case ${OSTYPE-} in
        darwin*) run="$HOME/Library/Application Support/flock/run" ;;
        *) run=$HOME/.local/share/flock/run ;;
        esac
    fi
    if [ -r "$run/ids/$1" ]; then
        while IFS= read -r id; do printf '%s\n' "$id"; done <"$run/ids/$1"
    fi
}

# What may come after the finished words "$@", one to a line; ":files" for a path, and where the line is not ours.
_flock_words() {
    local word first second third count value numbered
    first='' second='' third='' count=0 value='' numbered=''
    for word in "$@"; do
        if [ -n "$value" ]; then
            value=''
            continue
        fi
        if [ -n "$numbered" ]; then
            numbered=''
            case $word in *[!0-9.]*) ;; *) continue ;; esac
        fi
        case $word in
        --host)
            # the address that `flock expose` listens at, else another flock
            if [ "$first" = expose ]; then value=--host; else value=:contexts; fi
            ;;
        --context)
            # the window of `flock model config`, else another flock
            if [ "$first $second" = 'model config' ]; then value=--context; else value=:contexts; fi
            ;;
        @VALUED@) value=$word ;;
        @NUMBERED@) numbered=$word ;;
        -*) ;;
        *)
            count=$((count + 1))
            if [ "$count" = 1 ]; then first=$word; fi
            if [ "$count" = 2 ]; then second=$word; fi
            if [ "$count" = 3 ]; then third=$word; fi
            ;;
        esac
    done
    if [ "$value" = :contexts ]; then
        _flock_ids contexts
        return 0
    fi
    if [ "$count" = 0 ]; then
        if [ -z "$value" ]; then printf '%s\n' @WORDS@ --help --version @OPTIONS@; fi
        return 0
    fi
    if [ -z "$value" ]; then printf '%s\n' @OPTIONS@; fi
    case $first in
@BRANCHES@
    *) printf '%s\n' :files ;;
    esac
}
"""

BASH = r"""_flock_files() {
    local name
    compopt -o filenames 2>/dev/null
    while IFS= read -r name; do COMPREPLY+=("$name"); done < <(compgen -f -- "$1")
}

_flock() {
    local cur prefix word last quoted i
    local -a past
    COMPREPLY=() past=()
    # bash breaks words at ":" and "=", which model ids, "file:PATH" and "--name=x" hold; put them together again
    for ((i = 1; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        last=$((${#past[@]} - 1))
        if [ "$last" -ge 0 ] && [[ $word == [:=]* || ${COMP_WORDS[i - 1]} == [:=] ]]; then
            past[last]+=$word
        else
            past+=("$word")
        fi
    done
    last=$((${#past[@]} - 1))
    cur=${past[last]-}
    # what stands before the last break is on the line already
    prefix=''
    case $COMP_WORDBREAKS in *:*) if [[ $cur == *:* ]]; then prefix=${cur%"${cur##*:}"}; fi ;; esac

    while IFS= read -r word; do
        case $word in
        :files)
            if [[ $cur != -* ]]; then
                _flock_files "$cur"
                return 0
            fi
            ;;
        file:)
            if [[ $cur == file:* ]]; then
                _flock_files "${cur#file:}"
                if [ -z "$prefix" ]; then COMPREPLY=("${COMPREPLY[@]/#/file:}"); fi
                return 0
            fi
            if [[ file: == "$cur"* ]]; then
                compopt -o nospace 2>/dev/null
                COMPREPLY+=(file:)
            fi
            ;;
        -*) if [[ $cur == -* && $word == "$cur"* ]]; then COMPREPLY+=("$word"); fi ;;
        *)
            if [[ $word == "$cur"* ]]; then
                # an id comes from an engine: what the shell would read as more than a word must not reach the line bare
                printf -v quoted %q "${word#"$prefix"}"
                COMPREPLY+=("$quoted")
            fi
            ;;
        esac
    done < <(_flock_words "${past[@]:0:last}")
    # `flock` may be the other flock, whose first word is a file
    if [ "${#COMPREPLY[@]}" = 0 ] && [ "$last" = 0 ] && [[ $cur != -* ]] && [ "${1##*/}" != flockctl ]; then
        _flock_files "$cur"
    fi
}

complete -F _flock flock flockctl
"""

ZSH = r"""_flock() {
    local -a past words_found shown
    local word
    past=("${(@)words[2,CURRENT-1]}")
    words_found=("${(@f)$(_flock_words "${past[@]}")}")
    for word in "${words_found[@]}"; do
        case $word in
        '') ;;
        :files)
            if [[ $PREFIX != -* ]]; then
                _files
                return
            fi
            ;;
        file:)
            if compset -P file:; then
                _files
                return
            fi
            compadd -S '' -- file:
            ;;
        -*) if [[ $PREFIX == -* ]]; then shown+=("$word"); fi ;;
        *) shown+=("$word") ;;
        esac
    done
    compadd -a -- shown && return
    # `flock` may be the other flock, whose first word is a file
    if [[ ${#past} == 0 && $PREFIX != -* && ${service:t} != flockctl ]]; then _files; fi
}

if [ "${funcstack[1]-}" = _flock ]; then
    _flock "$@"
else
    compdef _flock flock flockctl
fi
"""

FISH_HEAD = r"""# fish completion for flock and flockctl
@NOTE@

# The ids of one noun, one to a line, as the daemon left them.
function __flock_ids
    set -l run "$HOME/.local/share/flock/run"
    if test -n "$FLOCK_HOME"
        set run "$FLOCK_HOME/run"
    else if test -n "$FLOCK_DATA_DIR"
        set run "$FLOCK_DATA_DIR/run"
    else if test (uname) = Darwin
        set run "$HOME/Library/Application Support/flock/run"
    end
    if test -r "$run/ids/$argv[1]"
        while read -l id
            printf '%s\n' $id
        end <"$run/ids/$argv[1]"
    end
end

# The finished words of the line that are neither options nor their values.
function __flock_past
    set -l value ''
    set -l numbered ''
    for word in (commandline -opc)[2..-1]
        if test -n "$value"
            set value ''
            continue
        end
        if test -n "$numbered"
            set numbered ''
            string match -qr '^[0-9.]+$' -- $word; and continue
        end
        switch $word
            case @NUMBERED@
                set numbered $word
            case @VALUED@
                set value $word
            case '-*'
            case '*'
                printf '%s\n' $word
        end
    end
end

# Whether the finished words are exactly these.
function __flock_is
    set -l past (__flock_past)
    test "$past" = "$argv"
end

# Whether the line is within this command.
function __flock_in
    set -l past (__flock_past)
    string match -q -- "$argv *" "$past "
end

# Whether the line is within this first word, and does not go on with one of the words behind it.
function __flock_but
    set -l past (__flock_past)
    test "$past[1]" = "$argv[1]"; and not contains -- "$past[2]" $argv[2..-1]
end

# Whether the argument of that number (from 0) of this command comes next.
function __flock_at
    set -l past (__flock_past)
    __flock_in $argv[2..-1]; and test (count $past) -eq (math (count $argv) - 1 + $argv[1])
end

# Whether file names would be wrong: the line is ours. `flock` may be the other flock, whose first word is a file.
function __flock_ours
    set -l past (__flock_past)
    contains -- "$past[1]" @WORDS@
end

# Whether no word or one of ours has been said.
function __flock_is_ours
    set -l past (__flock_past)
    test (count $past) -eq 0; or contains -- "$past[1]" @WORDS@
end

# Whether --host means another flock: behind `expose` it is the address to listen at.
function __flock_names_host
    __flock_is_ours; and not __flock_in expose
end

# Whether --context means another flock: behind `model config` it is a model's window.
function __flock_names_context
    __flock_is_ours; and not __flock_in model config
end

# "file:" and the paths that begin as the word does.
function __flock_files
    printf 'file:\n'
    set -l path (string replace -r '^file:' '' -- (commandline -ct))
    for name in (__fish_complete_path $path | string split -f 1 \t)
        printf 'file:%s\n' $name
    end
end
"""
