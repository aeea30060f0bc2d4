#!/usr/bin/env python3
"""A dependency has its home: outside of it, its header is not included."""
import re

import harness

# (header, where it may be included, in words)
HOMES = [
    (r"sqlite3(ext)?\.h", r"core/src/(store|vault)/|server-stub/store/sqlite/|platform/sim/",
     "the two stores and the vault"),
    (r"argon2\.h", r"core/src/vault/", "core/src/vault"),
    (r"libpq-fe\.h", r"server-stub/store/postgres/", "server-stub/store/postgres"),
    (r"microhttpd\.h|gnutls/.*", r"server-stub/http/", "server-stub/http"),
    (r"zstd.*\.h", r"core/src/wire/", "core/src/wire"),
    (r"curl/.*", r"platform/[^/]+/[^/]*transport[^/]*$", "a platform's transport"),
    (r"mbedtls/.*|psa/.*|openssl/.*", r"platform/[^/]+/[^/]*(transport|crypto|tls|pki)[^/]*$",
     "a platform's crypto and transport"),
    (r"csv\.h", r"server-stub/import/", "server-stub/import"),
    (r"jansson\.h", r"platform/cli/|server-stub/", "platform/cli and server-stub"),
    (r"sync\.pb-c\.h", r"core/src/wire/", "core/src/wire"),
]


def find(options):
    problems = []
    for path in harness.files(options.root, harness.CODE_FOLDERS, (".c", ".h", ".def")):
        for number, _, what in harness.includes(options.root, path):
            for header, home, words in HOMES:
                if re.fullmatch(f"(.*/)?({header})", what) and not re.match(home, path):
                    problems.append(f"{path}:{number}: {what} belongs to {words}")
    return problems


CLEAN = {
    "core/src/store/db.c": "#include <sqlite3.h>\n",
    "core/src/wire/frame.c": '#include <zstd.h>\n#include "sync.pb-c.h"\n#include "rove/entities.pb-c.h"\n',
    "core/src/vault/key_file.c": "#include <argon2.h>\n",
    "platform/posix/crypto_mbedtls.c": "#include <mbedtls/gcm.h>\n",
    "platform/posix/transport_curl.c": "#include <curl/curl.h>\n#include <openssl/ssl.h>\n",
    "platform/cli/show.c": "#include <jansson.h>\n",
    "server-stub/http/front.c": "#include <microhttpd.h>\n#include <gnutls/gnutls.h>\n",
    "server-stub/import/import.c": "#include <csv.h>\n",
    "server-stub/store/sqlite/db.c": "#include <sqlite3.h>\n",
}
PLANTED = {
    "sqlite in sync": {"core/src/sync/device.c": "#include <sqlite3.h>\n"},
    "sqlite in the program": {"platform/cli/show.c": "# include <sqlite3.h>\n"},
    "argon2 in store": {"core/src/store/db.c": "#include <argon2.h>\n"},
    "zstd in store": {"core/src/store/db.c": "#include <zstd.h>\n"},
    "a frame outside wire": {"core/src/sync/server.c": '#include "sync.pb-c.h"\n'},
    "curl in the program": {"platform/cli/show.c": "#include <curl/curl.h>\n"},
    "mbedtls in core": {"core/src/store/vfs.c": "#include <mbedtls/gcm.h>\n"},
    "openssl in server-stub": {"server-stub/admin/ca.c": "#include <openssl/x509.h>\n"},
    "csv outside import": {"server-stub/main.c": "#include <csv.h>\n"},
    "jansson in core": {"core/src/client/client.c": "#include <jansson.h>\n"},
    "microhttpd outside http": {"server-stub/main.c": "#include <microhttpd.h>\n"},
}

if __name__ == "__main__":
    harness.main(find, CLEAN, PLANTED)
