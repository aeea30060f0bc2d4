/*
 * doctor.c - rove doctor: what is wrong with this replica and its device, without opening it and without writing.
 *
 * It is told by its own exit codes: 0, nothing is wrong; 1, something is. It works where no other command does: on a replica
 * that is damaged, of a newer version, in use, or not there.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "posix/checkup.h"
#include "posix/posix.h"
#include "rove/inspect.h"

#define CERTIFICATE_WARN_DAYS 7
#define CLOCK_WARN_MS         INT64_C(300000)
#define CLOCK_WRONG_MS        INT64_C(86400000)
#define CONTACT_WARN_MS       (INT64_C(14) * 86400000)
#define PATH_BYTES_MAX        4096

/* How a device uses SQLite: what keeps the WAL-reset bug away from it. */
static const char writers[] =
    "one connection writes, and the log of a download is check-pointed by "
    "a second one; nothing else has the file open";

static void check_libraries(rove__checkup *checkup) {
    rove_library libraries[ROVE_LIBRARIES_MAX];
    size_t count = rove_libraries(libraries, ROVE_LIBRARIES_MAX);
    for (size_t i = 0; i < count; i++) {
        rove__checkup_library(checkup, libraries[i].name, libraries[i].built, libraries[i].running,
                              strcmp(libraries[i].name, "SQLite") == 0 ? writers : NULL);
    }
    rove__checkup_crypto(checkup);
    rove__checkup_curl(checkup);
}

/* What opens the replica lies outside of its folder. Where it is missing it is not asked for: that would make another one. */
static void check_secret(rove__checkup *checkup, cli_session *cli) {
    char path[PATH_BYTES_MAX];
    struct stat info;
    (void)snprintf(path, sizeof path, "%s/core.key", cli->folder);
    int needed = stat(path, &info) == 0;
    if (cli->secret == NULL) {
        return;
    }
    if (stat(cli->secret, &info) != 0) {
        cli->ports.keyring.secret = NULL;
        if (needed) {
            (void)rove__checkup_add(checkup, ROVE__WRONG, "secret",
                                    "Bring it back, or name it with --secret: without it nobody "
                                    "reads this replica.",
                                    "there is none at %s", cli->secret);
        }
        return;
    }
    if (needed) {
        int open_to_others = (info.st_mode & (S_IRWXG | S_IRWXO)) != 0;
        (void)rove__checkup_add(checkup, open_to_others ? ROVE__WRONG : ROVE__FINE, "secret",
                                open_to_others ? "Others can reach it: chmod 0600." : NULL,
                                "mode %04o, %s", (unsigned)info.st_mode & 07777u, cli->secret);
    }
}

static void check_files(rove__checkup *checkup, const char *folder) {
    static const char *const names[] = {
        "",           "identity",       "identity.next",  "core.key",       "core.key.tries",
        "replica.db", "replica.db-wal", "replica.db-shm", "replica.db-log", "drop.box",
        "drop.to"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        rove__checkup_mode(checkup, folder, names[i], 0);
    }
    rove__checkup_space(checkup, folder);
}

static void check_setting(rove__checkup *checkup, const char *what, int64_t is, int64_t wanted,
                          const char *name) {
    (void)rove__checkup_add(checkup, is == wanted ? ROVE__FINE : ROVE__WRONG, what,
                            is == wanted ? NULL
                                         : "This SQLite does not take the setting: use another.",
                            is == wanted ? "%s" : "not %s", name);
}

/* 1: what is in the database can be told. */
static int check_database(rove__checkup *checkup, const rove_inspection *r) {
    if (r->database == ROVE_NOT_FOUND) {
        (void)rove__checkup_add(checkup, ROVE__WARNING, "database",
                                "rove enroll makes it. If there was one, look for it first: it has "
                                "what was not sent.",
                                "there is none");
        return 0;
    }
    if (r->database == ROVE_BUSY) {
        (void)rove__checkup_add(checkup, ROVE__FINE, "database", NULL,
                                "encrypted; it is not looked into while another process has it");
        return 0;
    }
    if (r->database != ROVE_OK) {
        const char *advice =
            r->database == ROVE_UPGRADE ? "Install the newer version of the app again."
            : r->database == ROVE_LATER ? "Wait so long, then look again with the right PIN."
            : r->database == ROVE_LOCKED || r->database == ROVE_WRONG_KEY
                ? "Name the secret that opens it: --secret FILE; see rove help key."
                : "Keep a copy of the folder for support, then try rove sync; see rove help "
                  "verify.";
        (void)rove__checkup_add(checkup, ROVE__WRONG, "database", advice, "%s: %s",
                                rove_status_name(r->database), r->message);
        return 0;
    }
    (void)rove__checkup_add(checkup, r->encrypted ? ROVE__FINE : ROVE__WARNING, "encryption",
                            r->encrypted ? NULL
                                         : "Who finds this device reads everything: enrol it anew "
                                           "without --plain.",
                            r->encrypted ? "on" : "off");
    check_setting(checkup, "journal_mode", strcmp(r->journal_mode, "wal") == 0, 1, "WAL");
    check_setting(checkup, "page_size", r->page_size, 4096, "4096");
    check_setting(checkup, "synchronous", r->synchronous, 2, "FULL");
    check_setting(checkup, "secure_delete", r->secure_delete, 1, "on");
    check_setting(checkup, "cell_size_check", r->cell_size_check, 1, "on");
    return 1;
}

static void check_soundness(rove__checkup *checkup, const rove_inspection *r) {
    if (r->looked_deep && r->damage[0] == '\0') {
        (void)rove__checkup_add(checkup, ROVE__FINE, "database file", NULL,
                                "SQLite finds nothing wrong with it");
    } else if (r->looked_deep) {
        (void)rove__checkup_add(checkup, ROVE__WRONG, "database file",
                                "Keep a copy of the folder, then rove sync; see rove help verify.",
                                "damaged: %.200s", r->damage);
    }
}

static void check_work(rove__checkup *checkup, const rove_inspection *r) {
    (void)rove__checkup_add(checkup, ROVE__FINE, "unsent work", NULL,
                            "%" PRIu64 " records, %" PRIu64 " batches under way", r->pending,
                            r->batches);
    (void)rove__checkup_add(checkup, r->former_batches > 0 ? ROVE__WARNING : ROVE__FINE,
                            "work of a user or number before",
                            r->former_batches > 0 ? "rove sync delivers it." : NULL,
                            "%" PRIu64 " batches", r->former_batches);
    (void)rove__checkup_add(checkup, r->rejections > 0 ? ROVE__WARNING : ROVE__FINE, "refused work",
                            r->rejections > 0 ? "rove rejections: put it right, or give it up."
                                              : NULL,
                            "%" PRIu64, r->rejections);
    (void)rove__checkup_add(checkup, r->quarantined > 0 ? ROVE__WARNING : ROVE__FINE, "quarantine",
                            r->quarantined > 0 ? "rove quarantine; an upgrade of the app may help."
                                               : NULL,
                            "%" PRIu64 " records cannot be shown", r->quarantined);
    (void)rove__checkup_add(checkup, r->remains != 0 ? ROVE__WARNING : ROVE__FINE, "what left",
                            r->remains != 0 ? "rove tidy" : NULL,
                            r->remains != 0 ? "may still lie in the files" : "is gone");
}

static void check_contact(rove__checkup *checkup, const rove_inspection *r) {
    char span[32];
    if (r->contact_ms == 0) {
        (void)rove__checkup_add(checkup, ROVE__WARNING, "last contact", "rove sync", "never");
        return;
    }
    int64_t ago = r->now_ms - r->contact_ms;
    rove__checkup_span(span, sizeof span, ago);
    (void)rove__checkup_add(checkup, ago > CONTACT_WARN_MS ? ROVE__WARNING : ROVE__FINE,
                            "last contact", ago > CONTACT_WARN_MS ? "rove sync" : NULL, "%s ago",
                            ago < 0 ? "0 seconds" : span);
}

static void check_identity(rove__checkup *checkup, const rove_inspection *r, int readable) {
    if (r->identity == ROVE_NOT_FOUND) {
        (void)rove__checkup_add(checkup, ROVE__WARNING, "enrolment",
                                "Ask headquarters for a code: rove-hq enroll-code --user YOU.",
                                "this device is not enrolled");
        return;
    }
    if (r->identity != ROVE_OK) {
        (void)rove__checkup_add(checkup, ROVE__WRONG, "enrolment",
                                r->identity == ROVE_WRONG_KEY
                                    ? "Name the secret that opens it: --secret FILE; see rove help "
                                      "key."
                                    : "Ask headquarters for a new code and enrol again; nothing is "
                                      "lost.",
                                "the identity file: %s", rove_status_name(r->identity));
        return;
    }
    int other = readable && r->user != 0 && r->user != r->identity_user;
    (void)rove__checkup_add(checkup, other ? ROVE__WRONG : ROVE__FINE, "enrolment",
                            other ? "Enrol again with a new code; nothing is lost." : NULL,
                            other ? "the identity is of user %" PRId64 " at %s, and not the "
                                    "replica's"
                                  : "user %" PRId64 " at %s",
                            r->identity_user, r->url);
    rove__checkup_certificate(checkup, "certificate", r->certificate_until_ms, r->now_ms,
                              CERTIFICATE_WARN_DAYS,
                              "rove sync renews it; once it is over, ask for a new code.");
}

static void check_clock(rove__checkup *checkup, const rove_inspection *r) {
    char span[32];
    int64_t off = r->wall_ms - r->now_ms;
    const char *way = off < 0 ? "behind" : "ahead";
    if (r->anchor_ms == 0) {
        (void)rove__checkup_add(checkup, ROVE__FINE, "clock", NULL,
                                "headquarters has not told the time yet");
        return;
    }
    if (!r->clock_trusted && r->wall_ms < r->anchor_ms - CLOCK_WARN_MS) {
        rove__checkup_span(span, sizeof span, r->anchor_ms - r->wall_ms);
        (void)rove__checkup_add(checkup, ROVE__WRONG, "clock",
                                "Set the clock of this device, or let the network do it.",
                                "it stands %s before headquarters' time at the last contact", span);
        return;
    }
    off = off < 0 ? -off : off;
    rove__checkup_span(span, sizeof span, off);
    rove__checkup_state verdict = off >= CLOCK_WRONG_MS  ? ROVE__WRONG
                                  : off >= CLOCK_WARN_MS ? ROVE__WARNING
                                                         : ROVE__FINE;
    (void)rove__checkup_add(checkup, verdict, "clock",
                            verdict == ROVE__FINE ? NULL
                                                  : "Set the clock of this device; nothing that "
                                                    "was recorded depends on it.",
                            "%s %s of headquarters%s", span, way,
                            r->clock_trusted ? "" : ", as far as is known since the restart");
}

/* ---- the command ------------------------------------------------------------------------------------------- */

static int print(const cli_session *cli, const rove__checkup *checkup) {
    size_t wrong = rove__checkup_count(checkup, ROVE__WRONG);
    size_t warnings = rove__checkup_count(checkup, ROVE__WARNING);
    json_t *findings = json_array();
    for (size_t i = 0; i < checkup->count; i++) {
        const rove__finding *at = &checkup->findings[i];
        if (cli->json) {
            (void)json_array_append_new(findings, json_pack("{s:s, s:s, s:s, s:s}", "what",
                                                            at->what, "value", at->value, "state",
                                                            rove__checkup_state_name(at->verdict),
                                                            "do", at->advice));
            continue;
        }
        printf("%-8s %-32s %s\n", rove__checkup_state_name(at->verdict), at->what, at->value);
        if (at->advice[0] != '\0') {
            printf("%-8s %-32s -> %s\n", "", "", at->advice);
        }
    }
    if (cli->json) {
        cli_json(json_pack("{s:s, s:I, s:I, s:o}", "folder", cli->folder, "wrong",
                           (json_int_t)wrong, "warnings", (json_int_t)warnings, "findings",
                           findings));
    } else {
        json_decref(findings);
        printf("%zu wrong, %zu warning%s.\n", wrong, warnings, warnings == 1 ? "" : "s");
    }
    return wrong == 0 ? CLI_DONE : CLI_FAILED;
}

static rove_status examine(cli_session *cli, unsigned how, rove__checkup *checkup) {
    rove_inspection r = {.size = sizeof r};
    int fd = -1;
    long pid = 0;
    check_libraries(checkup);
    check_files(checkup, cli->folder);
    check_secret(checkup, cli);
    rove_status status = rove__checkup_hold(cli->folder, &fd, &pid);
    if (status == ROVE_BUSY) {
        how |= ROVE_INSPECT_IN_USE;
        (void)rove__checkup_add(checkup, ROVE__FINE, "in use", NULL, "by process %ld", pid);
    } else if (status != ROVE_OK) {
        (void)rove__checkup_add(checkup, ROVE__WRONG, "lock",
                                "Its mode is to be 0600, and it is to be yours.",
                                "it cannot be read");
    }
    status = rove_inspect(&cli->ports, cli->folder, how, &r);
    if (fd >= 0) {
        (void)close(fd);
    }
    if (status != ROVE_OK) {
        return status;
    }
    int readable = check_database(checkup, &r);
    check_soundness(checkup, &r);
    if (readable) {
        check_work(checkup, &r);
        check_contact(checkup, &r);
        check_clock(checkup, &r);
    }
    check_identity(checkup, &r, readable);
    return ROVE_OK;
}

static int run_doctor(cli_session *cli, int argc, char **argv) {
    static rove__checkup checkup; /* large for a stack; a program runs one command */
    unsigned how = cli_flag(&argc, argv, "--deep") ? ROVE_INSPECT_DEEP : 0;
    if (argc != 1) {
        return cli_usage(cli, &cli_command_doctor, NULL);
    }
    rove_status status = examine(cli, how, &checkup);
    return status == ROVE_OK ? print(cli, &checkup) : cli_fail(cli, status, NULL);
}

const cli_command cli_command_doctor = {
    "doctor", "[--deep]", "what is wrong with this replica and this device",
    "Looks at the libraries (which versions run, and what stands in for fixes that they lack), "
    "the\n"
    "files and who can reach them, the database and its settings, unsent and refused work, the\n"
    "certificate, the clock and the disk. One line each: ok, a warning, or wrong, and what to do.\n"
    "--deep reads the whole database file. Nothing is written or opened for writing, so it works "
    "on\n"
    "a replica that is damaged, in use or not enrolled, too; others wait meanwhile if they want "
    "to\n"
    "open it. Exit code 0: nothing is wrong; 1: something is.\n\n"
    "    rove doctor\n"
    "    rove doctor --deep --json",
    run_doctor};
