# What the stories of this folder have in common: how they are told, the program, a place to work in, and the people.
# Sourced, not run; `story` is the name of the one that does, `keep` is yes to keep what it leaves.
#
#   SKILLMEAT_BIN       a built git-skillmeat; without it, the program is built
#   SKILLMEAT_SCRATCH   an empty or new directory to work in; without it, a temporary one

# --- how the story is told ---------------------------------------------------------------------------------------------

steps=0
checks=0
fail() {
    printf '\n%s failed in step %s: %s\n' "$story" "$steps" "$1" >&2
    exit 1
}
step() {
    steps=$((steps + 1))
    printf '\n== %s. %s\n' "$steps" "$1"
}
show() {
    printf '$'
    printf ' %q' "$@"
    printf '\n'
}
# run COMMAND...: shows and runs it.
run() {
    show "$@"
    "$@" || fail "'$*' ended with exit status $?"
}
# exits STATUS COMMAND...: shows and runs a command that has to end with this exit status.
exits() {
    local wanted=$1 status=0
    shift
    show "$@"
    "$@" || status=$?
    [ "$status" -eq "$wanted" ] || fail "'$*' ended with exit status $status, not $wanted"
    echo "(exit status $status, as it should be)"
}
# check WHAT COMMAND...: runs a plain command silently; WHAT must be true.
check() {
    local what=$1 output
    shift
    output=$("$@" 2>&1) || fail "not true: $what
\$ $*
$output"
    checks=$((checks + 1))
    printf '  ok  %s\n' "$what"
}
# Equal, and not because both are empty: a question that git could not answer is no agreement.
is() { [ -n "$1" ] && [ "$1" = "$2" ]; }
is_not() { [ "$1" != "$2" ]; }
in_text() { grep -qF -e "$1" <<<"$2"; }
# What a repository has committed, and whether nothing else lies around in it.
tree() { git -C "$1" rev-parse --verify "HEAD^{tree}"; }
clean() {
    local rest
    rest=$(git -C "$1" status --porcelain) && [ -z "$rest" ]
}

# --- what is needed --------------------------------------------------------------------------------------------------

need() { command -v "$1" >/dev/null || { echo "$story needs '$1', which is not installed" >&2 && exit 1; }; }
need git
need ssh-keygen

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
program=${SKILLMEAT_BIN:-}
if [ -z "$program" ]; then
    need cargo
    cd "$here/.."
    echo "Building the program. The first time takes a few minutes."
    run cargo build --quiet --locked --profile quick
    built=$(cargo metadata --no-deps --offline --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
    program=$built/quick/git-skillmeat
    [ -f "$program" ] || program=$program.exe
fi
[ -f "$program" ] || { echo "there is no program at '$program'" >&2 && exit 1; }
program=$(cd "$(dirname "$program")" && pwd -P)/$(basename "$program")

scratch=${SKILLMEAT_SCRATCH:-}
if [ -z "$scratch" ]; then
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/skillmeat.XXXXXX")
else
    mkdir -p "$scratch"
    [ -z "$(ls -A "$scratch")" ] || { echo "'$scratch' is not empty" >&2 && exit 1; }
fi
scratch=$(cd "$scratch" && pwd -P)
leave() {
    cd /
    if [ "$keep" = yes ]; then echo "Kept: $scratch"; else rm -rf "$scratch"; fi
}
trap leave EXIT

# Nothing of the user's own settings, keys or agents takes part, and nothing may wait for an answer.
for variable in $(env | sed -nE 's/^((GIT|SKILLMEAT|XDG|SSH|CLAUDE)_[A-Z0-9_]*)=.*/\1/p'); do unset "$variable"; done
export GIT_CONFIG_NOSYSTEM=1
exec </dev/null

mkdir "$scratch/bin"
ln -s "$program" "$scratch/bin/${program##*/}"
PATH=$scratch/bin:$PATH

# become PERSON: from here on, commands run with this person's home, in this person's collection if there is one.
become() {
    HOME=$scratch/$1
    export HOME
    mkdir -p "$HOME"
    cd "$HOME"
    [ ! -d kit ] || cd kit
    printf '(as the %s)\n' "$1"
}
# identify PERSON: a name for commits, made from the role.
identify() {
    git config --global user.name "$1"
    git config --global user.email "$1@example.invalid"
    git config --global init.defaultBranch main
}
