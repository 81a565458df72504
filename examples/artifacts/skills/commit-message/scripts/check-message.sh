#!/bin/sh
# Checks the form of a commit message: one line per problem, exit status 0 without problems, 1 with, 2 on wrong use.
#
#   sh check-message.sh FILE        or      git log -1 --format=%B | sh check-message.sh -
#
# Also works as a commit-msg hook. Lines that git removes (comments, everything below the scissors) are ignored.
set -eu
LC_ALL=C
export LC_ALL

if [ $# -ne 1 ] || [ "$1" = "-h" ] || [ "$1" = "--help" ]; then
    echo "usage: check-message.sh FILE|-" >&2
    exit 2
fi
if [ "$1" != "-" ]; then
    if [ ! -f "$1" ]; then
        echo "check-message.sh: cannot read '$1'" >&2
        exit 2
    fi
    exec <"$1"
fi

# Continuation bytes of UTF-8 are taken out, so that awk counts characters and not bytes.
tr -d '\200-\277\r' | awk '
function problem(line, text) { printf "line %d: %s\n", line, text; found = 1 }
/^# -+ >8 -+$/ { exit }
/^#/ { next }
{ lines[++count] = $0 }
END {
    while (count > 0 && lines[count] ~ /^[ \t]*$/) count--
    first = 1
    while (first <= count && lines[first] ~ /^[ \t]*$/) first++
    if (first > count) { problem(1, "the message is empty"); exit 1 }

    subject = lines[first]
    if (length(subject) > 72) problem(1, "the subject has " length(subject) " characters, at most 72 are shown")
    if (subject ~ /[^.]\.$/) problem(1, "the subject ends with a full stop")
    if (subject ~ /^[ \t]/ || subject ~ /[ \t]$/) problem(1, "the subject has space at an end")
    if (tolower(subject) ~ /^(wip|tmp|temp|fix|fixes|update|changes|misc|stuff|test)[.! ]*$/)
        problem(1, "the subject does not say what changed")
    if (subject ~ /^(fixup|squash|amend)! /) problem(1, "the commit is meant to be squashed into another")
    rest = subject
    sub(/^[^ ]+: /, "", rest)
    if (tolower(rest) ~ /^(added|adds|adding|fixed|fixing|updated|updates|updating|removed|removes|removing|changed|changes|changing) /)
        problem(1, "write the subject as an order: \"add\", not \"added\" or \"adds\"")

    if (first < count && lines[first + 1] !~ /^[ \t]*$/) problem(2, "the second line is not empty")
    for (n = first + 2; n <= count; n++) {
        text = lines[n]
        # Quoted output, links and trailers cannot be broken over lines.
        if (text ~ /^(    |\t|>)/ || text ~ /:\/\// || text ~ /^[A-Z][A-Za-z-]*: /) continue
        if (length(text) > 72) problem(n - first + 1, "the line has " length(text) " characters, more than 72")
    }
    exit found
}'
