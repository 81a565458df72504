#!/bin/sh
# Lists the packages that differ between two commits, by their lock files.
#
#   sh changed-packages.sh BASE [HEAD]
#
# Reads Cargo.lock, poetry.lock, uv.lock, package-lock.json, go.mod and requirements*.txt wherever they are in the
# repository. Names other manifests that changed without reading them. Runs nothing but git, sort and awk.
# Exit status: 0 done, 1 git failed, 2 wrong use.
set -eu
LC_ALL=C
export LC_ALL

if [ $# -lt 1 ] || [ $# -gt 2 ] || [ "$1" = "-h" ] || [ "$1" = "--help" ]; then
    echo "usage: changed-packages.sh BASE [HEAD]" >&2
    exit 2
fi

commit() {
    git rev-parse --verify --quiet --end-of-options "$1^{commit}" || {
        echo "changed-packages.sh: '$1' is not a commit here" >&2
        exit 1
    }
}
base=$(commit "$1")
head=$(commit "${2:-HEAD}")
cd "$(git rev-parse --show-toplevel)"

# Prints "NAME VERSION" for each package of the lock file on standard input; $1 is the file's name.
packages() {
    case $1 in
    Cargo.lock | poetry.lock | uv.lock)
        awk '/^\[\[package\]\]/ { name = "" }
             /^\[[^[]/ { name = "" }
             /^name = "/ { split($0, part, "\""); name = part[2] }
             /^version = "/ && name != "" { split($0, part, "\""); print name, part[2]; name = "" }'
        ;;
    package-lock.json)
        awk '/^    "node_modules\// { split($0, part, "\""); name = part[2]; sub(/^.*node_modules\//, "", name); next }
             /^    "/ { name = "" }
             /^      "version": "/ && name != "" { split($0, part, "\""); print name, part[4]; name = "" }'
        ;;
    go.mod)
        awk '/^require \(/ { inside = 1; next }
             /^\)/ { inside = 0 }
             inside && NF >= 2 && $1 !~ /^\/\// { print $1, $2 }
             /^require [^(]/ { print $2, $3 }'
        ;;
    requirements*.txt)
        awk '{ sub(/[;#].*/, ""); gsub(/[ \t]/, "") }
             /^[A-Za-z0-9]/ && /==/ { split($0, part, "=="); sub(/\[.*/, "", part[1]); sub(/--.*/, "", part[2]); print tolower(part[1]), part[2] }'
        ;;
    esac | sort -u
}

# Compares lines "old NAME VERSION" and "new NAME VERSION"; a package may be there in several versions.
compare() {
    awk '{ seen[$2 " " $3] = seen[$2 " " $3] $1 }
         END {
             for (key in seen) {
                 split(key, part, " ")
                 if (seen[key] == "old") { gone[part[1]] = gone[part[1]] " " part[2]; names[part[1]] }
                 if (seen[key] == "new") { come[part[1]] = come[part[1]] " " part[2]; names[part[1]] }
             }
             for (name in names) {
                 if (split(gone[name], o, " ") == 1 && split(come[name], n, " ") == 1) {
                     print "~ " name " " o[1] " -> " n[1]
                 } else {
                     total = split(gone[name], o, " ")
                     for (i = 1; i <= total; i++) print "- " name " " o[i]
                     total = split(come[name], n, " ")
                     for (i = 1; i <= total; i++) print "+ " name " " n[i]
                 }
             }
         }' | sort -k2,2 -k1,1
}

by_eye=
# core.quotePath is for people; here a path must come out as it is.
changed=$(git -c core.quotePath=false diff --name-only --no-renames "$base" "$head" --)
old_ifs=$IFS
IFS='
'
set -f
for path in $changed; do
    name=${path##*/}
    case $name in
    Cargo.lock | poetry.lock | uv.lock | package-lock.json | go.mod | requirements*.txt)
        echo "$path"
        {
            git show "$base:$path" 2>/dev/null | packages "$name" | sed 's/^/old /'
            git show "$head:$path" 2>/dev/null | packages "$name" | sed 's/^/new /'
        } | compare | sed 's/^/  /'
        ;;
    yarn.lock | pnpm-lock.yaml | bun.lock | Gemfile.lock | composer.lock | Pipfile.lock | packages.lock.json | \
        gradle.lockfile | pom.xml | build.gradle | build.gradle.kts | flake.lock | mix.lock | Package.resolved | \
        Cargo.toml | package.json | pyproject.toml | setup.py | go.sum | Gemfile | composer.json | .gitmodules | Dockerfile)
        by_eye="$by_eye  $path
"
        ;;
    esac
done
IFS=$old_ifs
if [ -n "$by_eye" ]; then
    printf 'not read, look by eye:\n%s' "$by_eye"
fi
