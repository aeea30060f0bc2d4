#!/usr/bin/env python3
"""Appends the numbers of new entities, fields, frames and enumeration values to proto/field-numbers.txt.

It never changes a line that is there: a number keeps its meaning for ever. Who removes a field writes
`retired` behind its line by hand; its number is then never used again. `./dev format` runs this.
"""
import os
import sys

sys.dont_write_bytecode = True
import schema  # noqa: E402

HEADER = """\
# Every number that ever had a meaning on the wire: message, field (or enum, value; entity, message), number.
# Numbers are never reused. A removed field stays, with the word retired behind it.
# New lines are appended by ./dev format; tests/structure/check_fields.py compares.
"""


def main():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    path = os.path.join(root, schema.RECORD)
    live, _, problems = schema.recorded(root)
    if problems:
        sys.exit("\n".join(problems))
    fresh = [f"{where} {name} {number}\n" for (where, name), number in schema.numbers(root).items()
             if (where, name) not in live]
    if not fresh:
        return
    start = "" if os.path.exists(path) else HEADER
    with open(path, "a", encoding="utf-8") as file:
        file.write(start + "".join(fresh))
    print(f"{schema.RECORD}: {len(fresh)} numbers added")


if __name__ == "__main__":
    main()
