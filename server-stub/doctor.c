/*
 * doctor.c - see doctor.h.
 *
 * It opens no headquarters, for that begins a new timeline and makes keys that are missing: it reads files, and asks the
 * database in ways that write nothing (store/inspect.h). So it also works on a folder that is served, damaged or incomplete.
 */
#include "doctor.h"

#include <dirent.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"
#include "http/versions.h"
#include "path.h"
#include "posix/pki.h"
#include "print.h"
#include "store/inspect.h"
#include "trail.h"
#include "wire/versions.h"

#define SERVER_WARN_DAYS    30
#define AUTHORITY_WARN_DAYS 365
#define DAY_MS              INT64_C(86400000)
#define BACKUP_WARN_MS      (7 * DAY_MS)
#define CLOCK_WRONG_MS      INT64_C(600000)
#define SPOOL_WARN_MIB      1024
#define ACTS_MOST           1000 /* entries of the record of acts; --deep looks at all */

/* How headquarters uses SQLite: what keeps the WAL-reset bug away from it. */
static const char writers[] = "one connection of one process writes and check-points; readers do "
                              "neither";

typedef struct examination {
    const hq_ports *ports;
    const char *folder;
    int64_t now_ms;
    long server; /* the process that has the folder; 0: nobody, or unknown */
    int served;
    rove__checkup checkup;
} examination;

static void check_libraries(examination *self) {
    rove__checkup *checkup = &self->checkup;
    rove__wire_versions wire = rove__wire_versions_read();
    rove__checkup_library(checkup, "SQLite", hq_sqlite_built(), hq_sqlite_running(), writers);
    rove__checkup_library(checkup, "zstd", wire.zstd_built, wire.zstd_running, NULL);
    rove__checkup_library(checkup, "protobuf-c", wire.protobuf_built, wire.protobuf_running, NULL);
    rove__checkup_crypto(checkup);
    http_versions(checkup);
    rove__checkup_library(checkup, "jansson", JANSSON_VERSION, jansson_version_str(), NULL);
}

static void check_files(examination *self) {
    static const struct {
        const char *name;
        int required;
    } files[] = {{"", 1},
                 {"hq.db", 1},
                 {"hq.db-wal", 0},
                 {"hq.db-shm", 0},
                 {"ca.key", 1},
                 {"ca.der", 1},
                 {"server.key", 1},
                 {"server.der", 1},
                 {"seal.key", 1},
                 {"server-next.key", 0},
                 {"ca-next.key", 0},
                 {"ca-next.der", 0},
                 {"ca-former.der", 0},
                 {"ca-ended.der", 0},
                 {"control", 0}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        rove__checkup_mode(&self->checkup, self->folder, files[i].name, files[i].required);
    }
    rove__checkup_space(&self->checkup, self->folder);
}

/* ---- keys and certificates ------------------------------------------------------------------------------ */

static int read_file(const examination *self, const char *name, rove_pki_bytes *out) {
    char path[HQ_PATH_MAX];
    return hq_join(path, self->folder, name, NULL) == ROVE_OK &&
           self->ports->files.read(self->ports->files.ctx, path, out->data, sizeof out->data,
                                   &out->size, NULL) == ROVE_OK;
}

static void check_end(examination *self, const char *name, const char *what, int64_t warn_days,
                      const char *advice) {
    rove_pki_bytes der;
    int64_t until_ms = 0;
    if (!read_file(self, name, &der)) {
        return; /* its mode was looked at: that it is missing is said */
    }
    if (rove__checkup_until(der.data, der.size, &until_ms) != ROVE_OK) {
        (void)rove__checkup_add(&self->checkup, ROVE__WRONG, what,
                                "Bring the file back from your copy.", "%s is no certificate",
                                name);
        return;
    }
    rove__checkup_certificate(&self->checkup, what, until_ms, self->now_ms, warn_days, advice);
}

static void check_keys(examination *self) {
    rove_pki_authority *authority = NULL;
    rove_pki_bytes key = {0};
    rove_pki_bytes der = {0};
    uint8_t public_key[ROVE_SEAL_KEY_SIZE];
    size_t size = 0;
    if (read_file(self, "ca.key", &key) && read_file(self, "ca.der", &der)) {
        int fits = rove_pki_authority_open(&key, &der, &authority, NULL) == ROVE_OK;
        (void)rove__checkup_add(&self->checkup, fits ? ROVE__FINE : ROVE__WRONG, "authority's key",
                                fits ? NULL : "Bring both files back from your copy.",
                                fits ? "ca.key is that of ca.der" : "ca.key is not that of ca.der");
        rove_pki_authority_free(authority);
    }
    if (read_file(self, "seal.key", &key)) {
        const rove_crypto *crypto = &self->ports->crypto;
        int fine = crypto->key_public(crypto->ctx, key.data, key.size, public_key,
                                      sizeof public_key, &size) == ROVE_OK;
        (void)rove__checkup_add(
            &self->checkup, fine ? ROVE__FINE : ROVE__WRONG, "sealing key",
            fine ? NULL : "Bring it back: what devices have sealed is opened by no other.",
            fine ? "it is a private key" : "seal.key is no private key");
    }
    rove__wipe(&key, sizeof key);
    check_end(self, "server.der", "server's certificate", SERVER_WARN_DAYS, "rove-hq renew-server");
    check_end(self, "ca.der", "authority's certificate", AUTHORITY_WARN_DAYS,
              "Make its successor while devices come: rove-hq keys next --authority");
}

/* ---- the database --------------------------------------------------------------------------------------- */

static void check_setting(examination *self, const char *what, int fits, const char *name) {
    (void)rove__checkup_add(&self->checkup, fits ? ROVE__FINE : ROVE__WRONG, what,
                            fits ? NULL : "This SQLite does not take the setting: use another.",
                            fits ? "%s" : "not %s", name);
}

static void check_backup(examination *self, const hq_inspection *r) {
    char span[32];
    int64_t ago = self->now_ms - r->backup_ms;
    int late = r->backup_ms == 0 || ago > BACKUP_WARN_MS;
    rove__checkup_span(span, sizeof span, ago);
    (void)rove__checkup_add(
        &self->checkup, late ? ROVE__WARNING : ROVE__FINE, "last backup",
        late ? "rove-hq backup FILE, daily." : NULL,
        r->backup_ms == 0 ? "never" : "%s ago; %" PRId64 " of %" PRId64 " positions are in it",
        span, r->safe, r->head);
}

static void check_clock(examination *self, const hq_inspection *r) {
    char span[32];
    int64_t behind = r->last_ms - self->now_ms;
    int wrong = behind > CLOCK_WRONG_MS;
    rove__checkup_span(span, sizeof span, behind);
    (void)rove__checkup_add(
        &self->checkup, wrong ? ROVE__WRONG : ROVE__FINE, "clock",
        wrong ? "Set this host's clock: devices go by it, and certificates end by it." : NULL,
        wrong ? "it stands %s before what headquarters wrote last"
              : "not before what headquarters "
                "wrote last",
        span);
}

static void check_work(examination *self, const hq_inspection *r) {
    rove__checkup *checkup = &self->checkup;
    int64_t plans = r->plans_failed + r->plans_overdue;
    (void)rove__checkup_add(checkup, ROVE__FINE, "devices", NULL, "%" PRId64 " in service",
                            r->active);
    (void)rove__checkup_add(checkup, r->reviews > 0 ? ROVE__WARNING : ROVE__FINE, "work in review",
                            r->reviews > 0 ? "rove-hq review: somebody waits for an answer." : NULL,
                            "%" PRId64 " open", r->reviews);
    (void)rove__checkup_add(checkup, ROVE__FINE, "edits that wait", NULL,
                            "%" PRId64 ", for a record that a device still has", r->parked);
    (void)rove__checkup_add(
        checkup, plans > 0 ? ROVE__WARNING : ROVE__FINE, "plans",
        plans > 0 ? "rove-hq plans; those that are due are made by serve." : NULL,
        "%" PRId64 " failed, %" PRId64 " overdue", r->plans_failed, r->plans_overdue);
    (void)rove__checkup_add(
        checkup, r->quotas > 0 ? ROVE__WARNING : ROVE__FINE, "downloads",
        r->quotas > 0 ? "rove-hq acts names the devices (quota): ask their reps." : NULL,
        "%" PRId64 " times a device had more than its share, in 7 days", r->quotas);
    (void)rove__checkup_add(
        checkup, r->contests > 0 ? ROVE__WARNING : ROVE__FINE, "contests",
        r->contests > 0 ? "rove-hq acts names the devices (contests): look at their clocks." : NULL,
        "%" PRId64 " times a device won nearly all of a day's contests, in 7 days", r->contests);
    (void)rove__checkup_add(checkup, ROVE__FINE, "database size", NULL, "%" PRId64 " KiB",
                            r->bytes / 1024);
}

/* ---- the record of acts --------------------------------------------------------------------------------- */

typedef struct acts_check {
    trail_source source;
    hq_server_key own, next;
    trail_report report;
    uint64_t most;
} acts_check;

static rove_status verify_acts(void *ctx, const rove__hq_directory *directory, rove__hq_tx *tx) {
    acts_check *self = ctx;
    self->source.directory = directory;
    return trail_verify(&self->source, tx, self->most, &self->report);
}

/* 0: without the server's key nothing can be said of signatures. */
static int prepare_acts(const examination *self, int deep, acts_check *acts) {
    *acts = (acts_check){.most = deep ? 0 : ACTS_MOST};
    acts->source.ports = self->ports;
    acts->source.folder = self->folder;
    acts->source.own = &acts->own;
    acts->source.next = &acts->next;
    rove_status status = hq_server_key_read(self->ports, self->folder, 0, &acts->own, NULL);
    rove_status next = hq_server_key_read(self->ports, self->folder, 1, &acts->next, NULL);
    return status == ROVE_OK && (next == ROVE_OK || next == ROVE_NOT_FOUND);
}

static void tell_acts(examination *self, const acts_check *acts, rove_status answered) {
    static const char advice[] = "rove-hq acts verify; docs/operating.md says what to do then.";
    const trail_report *r = &acts->report;
    char what[160];
    if (answered != ROVE_OK) {
        (void)rove__checkup_add(&self->checkup, ROVE__WRONG, "record of acts", NULL,
                                "it could not be read: %s", rove_status_name(answered));
        return;
    }
    if (r->finding != TRAIL_SOUND && r->finding != TRAIL_EMPTY) {
        rove__text_format(what, sizeof what, trail_sentence(r->finding), (long long)r->number);
        (void)rove__checkup_add(&self->checkup, ROVE__WRONG, "record of acts", advice, "%s", what);
        return;
    }
    (void)rove__checkup_add(&self->checkup, ROVE__FINE, "record of acts", NULL,
                            "%s%" PRIu64 " entries are as they were recorded%s",
                            r->looked < (uint64_t)r->newest ? "the newest " : "", r->sound,
                            r->looked < (uint64_t)r->newest ? "; --deep looks at all" : "");
}

static void check_content(examination *self, int deep, acts_check *acts) {
    char path[HQ_PATH_MAX];
    hq_inspection r;
    hq_question question = {verify_acts, acts};
    int asks = prepare_acts(self, deep, acts);
    rove__checkup *checkup = &self->checkup;
    if (hq_join(path, self->folder, "hq.db", NULL) != ROVE_OK ||
        hq_sqlite_inspect(&self->ports->allocator, path, self->served, deep, self->now_ms,
                          asks ? &question : NULL, &r) != ROVE_OK) {
        (void)rove__checkup_add(checkup, ROVE__WRONG, "database", NULL, "it could not be asked");
        return;
    }
    if (r.looked_deep) {
        (void)rove__checkup_add(
            checkup, r.damage[0] == '\0' ? ROVE__FINE : ROVE__WRONG, "database file",
            r.damage[0] == '\0' ? NULL : "Keep a copy of the folder, then restore the last backup.",
            r.damage[0] == '\0' ? "SQLite finds nothing wrong with it" : "damaged: %.200s",
            r.damage);
    }
    if (r.database != ROVE_OK) {
        (void)rove__checkup_add(checkup, ROVE__WRONG, "database",
                                r.database == ROVE_UPGRADE ? "Start the newer version."
                                : r.database == ROVE_NOT_FOUND
                                    ? "rove-hq restore, or rove-hq init where there was none."
                                    : "Keep a copy of the folder, then restore the last "
                                      "backup: rove-hq restore FILE.",
                                "%s: %s", rove_status_name(r.database), r.message);
        return;
    }
    check_setting(self, "journal_mode", r.write_ahead, "WAL");
    check_setting(self, "page_size", r.page_size == 4096, "4096");
    check_setting(self, "synchronous", r.synchronous == 2, "FULL");
    check_setting(self, "cell_size_check", r.cell_size_check == 1, "on");
    (void)rove__checkup_add(checkup, ROVE__FINE, "secure_delete", NULL,
                            "%s; headquarters' history keeps what is deleted",
                            r.secure_delete == 1 ? "on" : "off");
    if (r.head == 0) {
        (void)rove__checkup_add(checkup, ROVE__WRONG, "headquarters", "Run init again.",
                                "it is not complete");
    }
    if (asks) {
        tell_acts(self, acts, r.answered);
    }
    check_work(self, &r);
    check_backup(self, &r);
    check_clock(self, &r);
}

static void check_database(examination *self, int deep) {
    acts_check *acts = rove__alloc_zeroed(&self->ports->allocator, 1, sizeof *acts);
    if (acts == NULL) {
        (void)rove__checkup_add(&self->checkup, ROVE__WRONG, "database", NULL,
                                "it could not be asked");
        return;
    }
    check_content(self, deep, acts);
    hq_server_key_wipe(&acts->own);
    hq_server_key_wipe(&acts->next);
    rove__free(&self->ports->allocator, acts);
}

/* ---- the spool: files of the serving process that have no name ------------------------------------------ */

static void check_spool(examination *self) {
    char name[HQ_PATH_MAX];
    struct stat home;
    struct stat info;
    int64_t bytes = 0;
    int count = 0;
    struct dirent *entry;
    rove__text_format(name, sizeof name, "/proc/%ld/fd", self->server);
    DIR *list = self->server > 0 && stat(self->folder, &home) == 0 ? opendir(name) : NULL;
    if (list == NULL) {
        return; /* nobody serves, or this system does not tell */
    }
    while ((entry = readdir(list)) != NULL) {
        rove__text_format(name, sizeof name, "/proc/%ld/fd/%s", self->server, entry->d_name);
        if (stat(name, &info) == 0 && S_ISREG(info.st_mode) && info.st_nlink == 0 &&
            info.st_dev == home.st_dev) {
            bytes += (int64_t)info.st_size;
            count++;
        }
    }
    (void)closedir(list);
    int much = bytes / 1024 / 1024 >= SPOOL_WARN_MIB;
    (void)rove__checkup_add(&self->checkup, much ? ROVE__WARNING : ROVE__FINE, "spool",
                            much ? "Much waits to be judged: see GET /metrics." : NULL,
                            "%d files of %" PRId64 " KiB wait to be judged, or are put aside",
                            count, bytes / 1024);
}

/* ---- the whole ------------------------------------------------------------------------------------------ */

static int print(const examination *self, const hq_io *io) {
    const rove__checkup *checkup = &self->checkup;
    size_t wrong = rove__checkup_count(checkup, ROVE__WRONG);
    size_t warnings = rove__checkup_count(checkup, ROVE__WARNING);
    json_t *findings = json_array();
    for (size_t i = 0; i < checkup->count; i++) {
        const rove__finding *at = &checkup->findings[i];
        if (io->json) {
            (void)json_array_append_new(findings, json_pack("{s:s, s:s, s:s, s:s}", "what",
                                                            at->what, "value", at->value, "state",
                                                            rove__checkup_state_name(at->verdict),
                                                            "do", at->advice));
            continue;
        }
        hq_print(io, "%-8s %-24s %s\n", rove__checkup_state_name(at->verdict), at->what, at->value);
        if (at->advice[0] != '\0') {
            hq_print(io, "%-8s %-24s -> %s\n", "", "", at->advice);
        }
    }
    if (io->json) {
        (void)hq_print_json(io, json_pack("{s:o, s:I, s:I, s:o}", "folder",
                                          hq_json_text(self->folder), "wrong", (json_int_t)wrong,
                                          "warnings", (json_int_t)warnings, "findings", findings));
    } else {
        json_decref(findings);
        hq_print(io, "%zu wrong, %zu warning%s.\n", wrong, warnings, warnings == 1 ? "" : "s");
    }
    return wrong == 0 ? HQ_EXIT_DONE : HQ_EXIT_FAILED;
}

int hq_doctor(const hq_ports *ports, const char *folder, const hq_io *io, int deep) {
    examination *self = rove__alloc_zeroed(&ports->allocator, 1, sizeof *self);
    rove_clock_reading now;
    int fd = -1;
    if (self == NULL) {
        return hq_failed(io, ROVE_NOMEM, NULL);
    }
    ports->clock.read(ports->clock.ctx, &now);
    self->ports = ports;
    self->folder = folder;
    self->now_ms = now.wall_ms;
    check_libraries(self);
    check_files(self);
    rove_status status = rove__checkup_hold(folder, &fd, &self->server);
    self->served = status == ROVE_BUSY;
    if (status == ROVE_IO) {
        (void)rove__checkup_add(&self->checkup, ROVE__WRONG, "lock",
                                "Its mode is to be 0600, and it is to be yours.",
                                "it cannot be read");
    }
    (void)rove__checkup_add(&self->checkup, ROVE__FINE, "in use", NULL,
                            self->served ? "by process %ld" : "by nobody", self->server);
    check_keys(self);
    check_database(self, deep);
    check_spool(self);
    if (fd >= 0) {
        (void)close(fd);
    }
    int code = print(self, io);
    rove__free(&ports->allocator, self);
    return code;
}
