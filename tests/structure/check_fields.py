#!/usr/bin/env python3
"""Numbers are never reused, and entities.proto and traits.def agree: every entity has its scope, every
field its merge kind, writer and limits, and nothing is described that does not exist."""
import os

import harness
import schema

CUSTOM_NUMBER_MIN = 1000
SCOPES = ("ORGANISATION", "SELF", "FIELD", "PARENT")
KINDS = ("REGISTER", "RANK", "COUNTER", "SET", "DERIVED")


def number_problems(root):
    live, retired, problems = schema.recorded(root)
    now = schema.numbers(root)
    by_number = {(where, number): name for (where, name), number in now.items()}
    if len(by_number) != len(now):
        problems.append("two names of one message, enumeration or entity list share a number")
    for (where, name), number in live.items():
        current = by_number.get((where, number))
        if current is None:
            problems.append(f"{where}.{name} = {number} is gone; mark its line in {schema.RECORD} as retired")
        elif current != name:
            problems.append(f"{where}: {number} was {name} and is now {current}; take a new number")
    for (where, name), number in now.items():
        if (where, number) in retired:
            problems.append(f"{where}.{name}: {number} is retired; take a new number")
        elif (where, name) not in live:
            problems.append(f"{where}.{name} = {number} is not in {schema.RECORD}; run ./dev format")
    return problems


def entity_problems(messages):
    problems = []
    for name, fields in messages.items():
        for field in fields:
            if field.number >= CUSTOM_NUMBER_MIN:
                problems.append(f"{name}.{field.name}: numbers from {CUSTOM_NUMBER_MIN} are custom fields'")
            if field.kind in ("double", "float"):
                problems.append(f"{name}.{field.name}: there are no floating-point fields")
    for name, fields in schema.entities(messages).items():
        if not any(field.name == "id" and field.number == 1 for field in fields):
            problems.append(f"{name}: its first field is not `id = 1`")
    return problems


def trait_problems(root, messages):
    problems = []
    entities = schema.entities(messages)
    described = {name: set() for name in entities}
    scoped = set()
    for line, arguments in schema.calls(root, "ENTITY"):
        at = f"{schema.TRAITS}:{line}"
        if len(arguments) != 9 or not all(arguments) or arguments[3] not in SCOPES:
            problems.append(f"{at}: an entity needs nine arguments, the fourth of them a scope")
        elif arguments[1] not in entities:
            problems.append(f"{at}: entities.proto has no entity {arguments[1]}")
        elif (arguments[3] in ("FIELD", "PARENT")) != (arguments[4] != "NONE"):
            problems.append(f"{at}: {arguments[1]}: scope {arguments[3]} and field {arguments[4]} do not go together")
        else:
            scoped.add(arguments[1])
    for line, arguments in schema.calls(root, "FIELD"):
        at = f"{schema.TRAITS}:{line}"
        if len(arguments) != 9 or not all(arguments) or arguments[2] not in KINDS:
            problems.append(f"{at}: a field needs nine arguments: a merge kind, a writer, limits ...")
            continue
        name, column = arguments[:2]
        if name not in entities or column not in schema.columns(messages, name):
            problems.append(f"{at}: entities.proto has no {name}.{column}")
        elif column in described[name]:
            problems.append(f"{at}: {name}.{column} is described twice")
        else:
            described[name].add(column)
            if (schema.columns(messages, name)[column].label == "repeated") != (arguments[2] == "SET"):
                problems.append(f"{at}: {name}.{column}: a repeated field is a SET, and no other is")
    for name in entities:
        if name not in scoped:
            problems.append(f"{schema.TRAITS}: {name} has no ENTITY line, so no scope")
        for column in schema.columns(messages, name):
            if column not in described[name]:
                problems.append(f"{schema.TRAITS}: {name}.{column} has no FIELD line, so no limits")
    return problems


def find(options):
    problems = number_problems(options.root)
    if os.path.exists(os.path.join(options.root, "proto/entities.proto")):
        messages, _ = schema.read_proto(options.root, "proto/entities.proto")
        problems += entity_problems(messages)
        if os.path.exists(os.path.join(options.root, schema.TRAITS)):
            problems += trait_problems(options.root, messages)
    return problems


PROTO = """syntax = "proto2";
enum Stage { ONE = 1; TWO = 2; } // message No { optional int64 no = 1; }
message Address { optional string city = 2; }
message Account {
  enum Kind { BIG = 1; }
  optional int64 id = 1;
  optional string name = 2 [default = "x"];
  optional Address billing = 3;
  repeated int64 tag_ids = 4;
}
"""
TRAITS = """/* FIELD(No, ...) */
ENTITY(1, Account, account, SELF, NONE, NONE, NONE, REP, 0)
FIELD(Account, name,         REGISTER, REP, 1, 200, NONE, REQUIRED, 3)
FIELD(Account, billing_city, REGISTER, REP, 0, 80,  NONE, 0, 0)
FIELD(Account, tag_ids,      SET,      REP, 0, 64,  Tag,  0, 0)
"""
RECORD = """# comment
Stage ONE 1
Stage TWO 2
Address city 2
Address street 1 retired
Account.Kind BIG 1
Account id 1
Account name 2
Account billing 3
Account tag_ids 4
entity Account 1
"""
CLEAN = {"proto/entities.proto": PROTO, schema.TRAITS: TRAITS, schema.RECORD: RECORD}
PLANTED = {
    "a field renumbered": {"proto/entities.proto": PROTO.replace("tag_ids = 4", "tag_ids = 5")},
    "a number with another name": {"proto/entities.proto": PROTO.replace("Address billing", "Address home"),
                                   schema.TRAITS: TRAITS.replace("billing_city", "home_city"),
                                   schema.RECORD: RECORD + "Account home 3\n"},
    "a field that vanished": {"proto/entities.proto": PROTO.replace("TWO = 2;", "")},
    "a retired number in use": {"proto/entities.proto": PROTO.replace("city = 2;", "city = 2; optional string a = 1;"),
                                schema.TRAITS: TRAITS + "FIELD(Account, billing_a, REGISTER, REP, 0, 9, NONE, 0, 0)\n",
                                schema.RECORD: RECORD + "Address a 1\n"},
    "a new field that is not recorded": {schema.RECORD: RECORD.replace("Account name 2\n", "")},
    "an entity with another number": {schema.TRAITS: TRAITS.replace("ENTITY(1,", "ENTITY(2,")},
    "a field without traits": {schema.TRAITS: TRAITS.replace("FIELD(Account, name,", "INDEX(Account, name,")},
    "a nested field without traits": {schema.TRAITS: TRAITS.replace("billing_city", "billing_town")},
    "a field without limits": {schema.TRAITS: TRAITS.replace("REP, 1, 200,", "REP, ,")},
    "an entity without scope": {schema.TRAITS: TRAITS.replace("SELF", "NONE")},
    "an entity without traits": {"proto/entities.proto": PROTO + "message Lead { optional int64 id = 1; }\n",
                                 schema.RECORD: RECORD + "Lead id 1\n"},
    "traits without a field": {schema.TRAITS: TRAITS + "FIELD(Account, zip, REGISTER, REP, 0, 9, NONE, 0, 0)\n"},
    "a set that is a register": {schema.TRAITS: TRAITS.replace("SET,     ", "REGISTER,")},
    "a double": {"proto/entities.proto": PROTO.replace("optional string name", "optional double name")},
    "a custom number": {"proto/entities.proto": PROTO.replace("tag_ids = 4", "tag_ids = 1000"),
                        schema.RECORD: RECORD.replace("tag_ids 4", "tag_ids 1000")},
}

if __name__ == "__main__":
    harness.main(find, CLEAN, PLANTED)
