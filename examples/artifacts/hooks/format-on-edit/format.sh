#!/bin/sh
# Formats the file that the assistant has just edited, if a formatter for it is installed.
#
# Reads the JSON of a PostToolUse event on standard input and needs no JSON program. Only formatters on PATH are
# run, never one from the project's own folders. Touches only plain files inside the project. Exit status 0 when the
# file was formatted or there was nothing to do, 1 when the formatter failed; neither stops the assistant.
set -eu
LC_ALL=C
export LC_ALL

# The value of the first key "file_path". Inside a JSON string every quote has a backslash before it, so the key
# cannot be found in the text of an edit. Paths with escapes other than \" \\ \/ are left alone.
path_of_event() {
    awk '{ text = text $0 "\n" }
         END {
             if (!match(text, /[{, \t\n]"file_path"[ \t\n]*:[ \t\n]*"/)) exit
             rest = substr(text, RSTART + RLENGTH)
             for (i = 1; i <= length(rest); i++) {
                 c = substr(rest, i, 1)
                 if (c == "\"") { print path; exit }
                 if (c == "\\") {
                     c = substr(rest, ++i, 1)
                     if (c != "\"" && c != "\\" && c != "/") exit
                 }
                 path = path c
             }
         }'
}

# Leaves unless the program $1 is installed.
need() {
    command -v "$1" >/dev/null 2>&1 || exit 0
}

# The edition of the nearest Cargo.toml that names one: rustfmt does not look for it by itself.
edition() {
    folder=$1
    while [ "$folder" != "/" ] && [ -n "$folder" ]; do
        if [ -f "$folder/Cargo.toml" ]; then
            found=$(sed -n 's/^edition *= *"\(20[0-9][0-9]\)".*/\1/p' "$folder/Cargo.toml" | head -n 1)
            [ -z "$found" ] || break
        fi
        folder=$(dirname "$folder")
    done
    echo "${found:-2021}"
}

# rustfmt would also format the files of child modules, so it gets the one file on standard input.
format_rust() {
    formatted=$(mktemp)
    trap 'rm -f "$formatted"' EXIT
    # No `set -e` here: the caller tests the result, which turns it off. An error must not empty the file.
    rustfmt --edition "$(edition "$folder_of_file")" <"$file" >"$formatted" || return 1
    cmp -s "$formatted" "$file" || cat "$formatted" >"$file"
}

file=$(path_of_event)
case $file in
/*) ;;
*) exit 0 ;;
esac
case $file/ in
*/../* | */./*) exit 0 ;;
esac
if [ ! -f "$file" ] || [ -L "$file" ]; then
    exit 0
fi
# Folders are compared after links are resolved, so that a linked folder cannot lead out of the project.
folder_of_file=$(cd "$(dirname "$file")" && pwd -P)
project=$(cd "${CLAUDE_PROJECT_DIR:-$PWD}" && pwd -P)
case $folder_of_file/ in
"$project"/*) ;;
*) exit 0 ;;
esac
# Formatters look for their settings from the folder they start in.
cd "$folder_of_file"

failed=0
case $file in
*.rs) need rustfmt && format_rust || failed=1 ;;
*.go) need gofmt && gofmt -w "$file" || failed=1 ;;
*.py)
    if command -v ruff >/dev/null 2>&1; then
        ruff format --quiet "$file" || failed=1
    else
        need black && black --quiet "$file" || failed=1
    fi
    ;;
*.js | *.jsx | *.mjs | *.cjs | *.ts | *.tsx | *.mts | *.cts | *.css | *.scss | *.less | *.vue | *.html | *.yaml | *.yml)
    need prettier && prettier --log-level warn --write "$file" || failed=1
    ;;
*.c | *.cc | *.cpp | *.cxx | *.h | *.hh | *.hpp) need clang-format && clang-format -i "$file" || failed=1 ;;
*.sh | *.bash) need shfmt && shfmt -w "$file" || failed=1 ;;
*.toml) need taplo && taplo format "$file" || failed=1 ;;
*.tf) need terraform && terraform fmt "$file" >/dev/null || failed=1 ;;
esac
if [ "$failed" -ne 0 ]; then
    echo "format-on-edit: the formatter failed on '$file'; the file was left as it is" >&2
    exit 1
fi
