"""Reads proto/*.proto and core/src/model/traits.def, as far as the checks need them."""
import os
import re

import harness

RECORD = "proto/field-numbers.txt"
TRAITS = "core/src/model/traits.def"


class Field:
    def __init__(self, label, kind, name, number):
        self.label, self.kind, self.name, self.number = label, kind, name, int(number)


def read_proto(root, path):
    """({message: [Field]}, {enum: [(value, number)]}); what is nested is named Outer.Inner."""
    text = re.sub(r"//[^\n]*|/\*.*?\*/", " ", harness.read(root, path), flags=re.DOTALL)
    messages, enums, stack = {}, {}, []
    for token in re.finditer(r"\b(message|enum|oneof|extend)\s+(\w+)\s*\{|\}|"
                             r"(?:(optional|required|repeated)\s+)?([\w.]+)\s+(\w+)\s*=\s*(\d+)[^;{}]*;|"
                             r"(\w+)\s*=\s*(-?\d+)[^;{}]*;", text):
        opened, name, label, kind, field, number, value, value_number = token.groups()
        if opened:
            outer = stack[-1][1] + "." if stack and opened != "oneof" else ""
            full = stack[-1][1] if opened == "oneof" and stack else outer + name
            stack.append((opened, full))
            if opened == "message":
                messages[full] = []
            elif opened == "enum":
                enums[full] = []
        elif token.group(0) == "}":
            stack.pop()
        elif stack and stack[-1][0] in ("message", "oneof") and field:
            messages[stack[-1][1]].append(Field(label or "oneof", kind, field, number))
        elif stack and stack[-1][0] == "enum" and value:
            enums[stack[-1][1]].append((value, int(value_number)))
    return messages, enums


def calls(root, macro):
    """[(line number, [arguments])] of the lines MACRO(...) of traits.def."""
    found = []
    for number, line in enumerate(harness.without_comments(harness.read(root, TRAITS)).splitlines(), 1):
        match = re.match(rf"\s*{macro}\((.*)\)\s*$", line)
        if match:
            found.append((number, [argument.strip() for argument in match.group(1).split(",")]))
    return found


def entities(messages):
    """The messages that are entities: those that are no field of another."""
    nested = {field.kind for fields in messages.values() for field in fields}
    return {name: fields for name, fields in messages.items() if name not in nested and "." not in name}


def columns(messages, name):
    """{column: Field} of an entity, flattened, without its id."""
    found = {}
    for field in messages[name]:
        if field.kind in messages:
            for inner in messages[field.kind]:
                found[f"{field.name}_{inner.name}"] = inner
        elif field.name != "id":
            found[field.name] = field
    return found


def numbers(root):
    """{(where, name): number} of everything whose number must keep its meaning."""
    found = {}
    for file in ("entities", "sync"):
        path = f"proto/{file}.proto"
        if not os.path.exists(os.path.join(root, path)):
            continue
        prefix = "" if file == "entities" else f"{file}."
        messages, enums = read_proto(root, path)
        for message, fields in messages.items():
            found.update({(prefix + message, field.name): field.number for field in fields})
        for enum, values in enums.items():
            found.update({(prefix + enum, value): number for value, number in values})
    if os.path.exists(os.path.join(root, TRAITS)):
        found.update({("entity", arguments[1]): int(arguments[0])
                      for _, arguments in calls(root, "ENTITY") if arguments[0].isdigit()})
    return found


def recorded(root):
    """({(where, name): number}, {(where, number)} of the retired, problems) of the record."""
    live, retired, problems = {}, set(), []
    if not os.path.exists(os.path.join(root, RECORD)):
        return live, retired, problems
    for at, line in enumerate(harness.read(root, RECORD).splitlines(), 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        if len(words) not in (3, 4) or not words[2].isdigit() or words[3:] not in ([], ["retired"]):
            problems.append(f"{RECORD}:{at}: not `message field number` or `message field number retired`")
        elif words[3:]:
            retired.add((words[0], int(words[2])))
        else:
            live[words[0], words[1]] = int(words[2])
    return live, retired, problems
