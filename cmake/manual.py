#!/usr/bin/env python3
"""The manual page and the bash completion of a program, from what its `help` says.

    manual.py PROGRAM NAME VERSION FOLDER     writes FOLDER/NAME.1 and FOLDER/NAME.bash

A program's table of commands is the one source: `NAME help` lists them as "    command  summary" lines, and
`NAME help COMMAND` begins with "NAME COMMAND usage". Lines indented by four are examples.
"""
import pathlib
import re
import subprocess
import sys


def said(program, *words):
    return subprocess.run([program, "help", *words], check=True, capture_output=True, text=True).stdout


def roff(text):
    """Text as troff takes it: backslashes and hyphens as they are, no line that looks like a request."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text[:1] in (".", "'") else text


def paragraphs(text):
    """(kind, lines): "text", "example" (indented by four) and "option" (begins with --)."""
    block, kind = [], None
    for line in text.splitlines() + [""]:
        fits = ("none" if not line.strip() else
                "option" if re.match(r" *--[a-z]", line) and re.match(r" *--\S+(?: [A-Z]+)?  ", line) else
                "example" if line.startswith("    ") else "text")
        if fits != kind or fits == "option":
            if block:
                yield kind, block
            block, kind = [], fits
        if fits != "none":
            block.append(line)
    if block:
        yield kind, block


def render(text):
    out = []
    for kind, lines in paragraphs(text):
        if kind == "option":
            name, meaning = re.match(r" *(--\S+(?: [A-Z]+)?)  +(.*)", lines[0]).groups()
            out += [".TP", ".B " + roff(name), roff(meaning)]
        elif kind == "example":
            out += [".PP", ".nf"] + [roff(line) for line in lines] + [".fi"]
        else:
            out += [".PP"] + [roff(line.strip()) for line in lines]
    return out


def usage_of(detail):
    """The usage (everything before the first empty line) on one line, and the text behind it."""
    usage, text = (detail + "\n\n").split("\n\n", 1)
    return " ".join(usage.split()), text


def commands_of(general):
    return re.findall(r"^    ([a-z][a-z-]*)  +(\S.*)$", general, re.MULTILINE)


def manual(name, version, general, commands, details):
    summary = general.splitlines()[0].split(" - ", 1)[1]
    lines = [f'.TH {name.upper()} 1 "" "Rove {version}" "Rove"', ".SH NAME", f"{roff(name)} \\- {roff(summary)}"]
    listed = re.compile(r"^    [a-z][a-z-]*  +\S.*\n|^Commands.*:\n", re.MULTILINE)
    synopsis, body = listed.sub("", general.split("\n", 1)[1]).strip("\n").split("\n", 1)
    lines += [".SH SYNOPSIS", ".B " + roff(synopsis.strip()), ".SH DESCRIPTION"] + render(body)
    lines.append(".SH COMMANDS")
    for command, short in commands:
        usage, text = usage_of(details[command])
        lines += [f".SS {roff(command)}: {roff(short)}", ".PP", ".B " + roff(usage)]
        lines += render(text)
    return "\n".join(lines) + "\n"


def alternatives(usage):
    """The words that may follow a command: in "[list] | add LOGIN [--role A|B]" list and add, not A and B."""
    words, depth, rest = [], 0, ""
    for letter in usage:
        depth += letter in "[(" and 1 or letter in "])" and -1 or 0
        rest += "\n" if letter == "|" and depth == 0 else letter
    for part in rest.split("\n"):
        words += re.findall(r"^\s*\[?([a-z][a-z|-]*)\b", part)
    return sorted({word for group in words for word in group.split("|") if word})


COMPLETION = """\
# bash completion for {name}; made from its help. In zsh: autoload -U bashcompinit && bashcompinit, then source it.
_{function}() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}} command='' i
    COMPREPLY=()
    case $before in {folders}) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;; esac
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${{COMP_WORDS[i]}} in
        {valued}) i=$((i + 1)) ;;
        -*) ;;
        *) command=${{COMP_WORDS[i]}}; break ;;
        esac
    done
    local words
    case $command in
    '') words='{commands} help {globals}' ;;
    help) words='{commands}' ;;
{cases}
    *) return ;;
    esac
    if [[ -n $command && $word != -* && $i -lt $((COMP_CWORD - 1)) ]]; then words=''; fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    [ ${{#COMPREPLY[@]}} -gt 0 ] || [ -z "$command" ] || mapfile -t COMPREPLY < <(compgen -f -- "$word")
}}
complete -F _{function} {name}
"""


def completion(name, general, commands, details):
    lines = general.splitlines()
    synopsis = next(line for line in lines if line.strip().startswith(name + " ["))
    options = re.findall(r"\[(--[a-z-]+)( [A-Z]+)?\]", synopsis)
    cases = []
    for command, _ in commands:
        usage = usage_of(details[command])[0].partition(f" {command}")[2]
        words = alternatives(usage) + sorted(set(re.findall(r"--[a-z][a-z-]*", usage))) + ["--json"]
        cases.append(f"    {command}) words='{' '.join(dict.fromkeys(words))}' ;;")
    return COMPLETION.format(
        name=name, function=name.replace("-", "_"), cases="\n".join(cases),
        commands=" ".join(command for command, _ in commands),
        globals=" ".join(option for option, _ in options),
        valued=" | ".join(option for option, value in options if value),
        folders=" | ".join(option for option, value in options if value.strip() == "DIR"))


def main(program, name, version, folder):
    general = said(program)
    commands = commands_of(general)
    details = {command: said(program, command) for command, _ in commands}
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.1").write_text(manual(name, version, general, commands, details), encoding="utf-8")
    (folder / f"{name}.bash").write_text(completion(name, general, commands, details), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
