#!/usr/bin/env python3
"""proto/ and traits.def as a later version may have them, so that builds of several schema versions can meet.

    ahead.py VERSIONS ROOT FOLDER     writes FOLDER/proto/*.proto and FOLDER/model/traits.def

One version ahead an account and a visit have a field more, there is one more entity, and a field of accounts is retired; two ahead
an account has another field. The numbers are from the end of the range, where no real field will be for long.
"""
import pathlib
import re
import sys

FIELDS = {
    1: [("Account", "optional string vat_number = 900;", "vat_number, REGISTER, REP, 0, 40, NONE, 0, 0"),
        ("Visit", "optional int32 mood = 900;", "mood, REGISTER, REP, 1, 5, NONE, 0, 0")],
    2: [("Account", "optional int32 loyalty_level = 901;", "loyalty_level, REGISTER, REP, 0, 9, NONE, 0, 0")],
}
RETIRED = {1: [("Account", "year_started")]}
ENTITY_PROTO = """
message Competitor {
  optional int64 id = 1;
  optional int64 account_id = 2;
  optional string name = 3;
}
"""
ENTITY_TRAITS = """
ENTITY(900, Competitor, competitor, FIELD, account_id, NONE, NONE, REP, 0)
FIELD(Competitor, account_id, REGISTER, REP, 1, ID_MAX, Account, REQUIRED, 0)
FIELD(Competitor, name, REGISTER, REP, 1, 120, NONE, REQUIRED, 0)
INDEX(Competitor, account_id, NONE, NONE)
"""


def with_field(proto, message, line):
    start = proto.index(f"message {message} {{")
    end = proto.index("\n}", start)
    return proto[:end] + "\n  " + line + proto[end:]


def with_trait(traits, message, line):
    start = traits.rindex(f"FIELD({message}, ")
    end = traits.index("\n", start)
    return traits[:end] + f"\nFIELD({message}, {line})" + traits[end:]


def without_field(proto, message, name):
    start = proto.index(f"message {message} {{")
    line = re.compile(rf"\n  optional \w+ {name} = (\d+);").search(proto, start)
    return proto[:line.start()] + f"\n  reserved {line.group(1)};" + proto[line.end():]


def without_trait(traits, message, name):
    return re.sub(rf"\nFIELD\({message}, {name},[^\n]*", "", traits)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def main(versions, root, folder):
    root, folder = pathlib.Path(root), pathlib.Path(folder)
    proto = (root / "proto/entities.proto").read_text(encoding="utf-8")
    traits = (root / "core/src/model/traits.def").read_text(encoding="utf-8")
    for version in range(1, int(versions) + 1):
        for message, field, trait in FIELDS[version]:
            proto = with_field(proto, message, field)
            traits = with_trait(traits, message, trait)
        for message, name in RETIRED.get(version, []):
            proto = without_field(proto, message, name)
            traits = without_trait(traits, message, name)
        if version == 1:
            proto += ENTITY_PROTO
            traits += ENTITY_TRAITS
    write(folder / "proto/entities.proto", proto)
    write(folder / "proto/sync.proto", (root / "proto/sync.proto").read_text(encoding="utf-8"))
    write(folder / "model/traits.def", traits)


if __name__ == "__main__":
    main(*sys.argv[1:])
