#!/bin/sh
# manual.sh - the manual pages say all that the programs' help says, without a complaint of the formatter, and bash
# completes commands, their words and their options.
# shellcheck source=tests/e2e/lib.sh
. "${0%/*}/lib.sh"

manual=${ROVE_BIN%/*}/../manual

# names PROGRAM: its commands, as help lists them
names() { "$1" help | sed -n 's/^    \([a-z][a-z-]*\)   *[^ ].*/\1/p'; }

# offers PROGRAM WORD...: what bash offers for the last word
offers() {
    bash -c '. "$1/$2.bash"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
        "_${1//-/_}"; printf "%s\n" "${COMPREPLY[@]}"' bash "$manual" "$@"
}

for program in "$ROVE_BIN" "$ROVE_HQ_BIN"; do
    name=${program##*/}
    tell "the manual of $name"
    groff -man -ww -Tutf8 -P-cbou -rLL=120n "$manual/$name.1" >"$work/page" 2>"$work/warnings"
    same 'what the formatter complains of' '' "$(cat "$work/warnings")"
    for part in NAME SYNOPSIS DESCRIPTION COMMANDS; do
        grep -q "$part" "$work/page" || fail "it has no part $part"
    done
    names "$program" >"$work/names"
    [ "$(grep -c . "$work/names")" -gt 15 ] || fail 'help lists hardly a command'
    while read -r command; do
        grep -q "^\.SS $(printf %s "$command" | sed 's/-/\\\\-/g'):" "$manual/$name.1" || fail "it lacks $command"
    done <"$work/names"
    tell "completion of $name"
    same 'commands' "$(names "$program" | sort)" "$(offers "$name" '' | grep -v -e '^-' -e '^help$' | sort)"
done
same 'words of a command' "$(printf 'cancel\nfinish\nlist\nplan\nstart')" "$(offers rove visit '' | grep -v '^-')"
same 'a word that was begun' 'start' "$(offers rove --replica x visit st)"
same 'an option' '--outcome' "$(offers rove visit finish 1 --out)"
same 'after help' 'restore' "$(offers rove-hq help rest)"
mkdir "$work/folder.d"
same 'a folder' "$work/folder.d" "$(offers rove --replica "$work/fol")"
