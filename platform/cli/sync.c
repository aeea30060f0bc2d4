/*
 * sync.c - enroll, sync, status, verify: the replica and headquarters.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

#define SECONDS_MAX INT64_C(1000000)
#define BYTES_MAX   INT64_C(1000000000000)

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number) {
    (void)signal_number;
    interrupted = 1;
}

int cli_interrupted(void *ctx) {
    (void)ctx;
    return interrupted;
}

/* ---- enroll ---------------------------------------------------------------------------------------------- */

static int run_enroll(cli_session *cli, int argc, char **argv) {
    rove_error error = {0};
    rove_state state = {.size = sizeof state};

    if (argc != 3) {
        return cli_usage(cli, &cli_command_enroll, "name headquarters' address and the code.");
    }
    rove_status status = rove_read_state(cli->replica, &state, &error);
    rove_id before = state.user;
    if (status == ROVE_OK) {
        status = rove_enroll(cli->replica, argv[1], argv[2], &error);
    }
    if (status == ROVE_OK) {
        status = rove_read_state(cli->replica, &state, &error);
    }
    if (status != ROVE_OK) {
        return cli_fail(cli, status, &error);
    }
    if (cli->json) {
        cli_json(json_pack("{s:I, s:I, s:s}", "replica", (json_int_t)state.replica, "user",
                           (json_int_t)state.user, "url", state.url));
    } else {
        printf("Enrolled as replica %lu. `rove sync` fetches your accounts.\n",
               (unsigned long)state.replica);
        if (before != 0 && before != state.user) {
            puts("What the user before had here is gone. What he had not sent is sealed, so that "
                 "only\nheadquarters can read it; the next sync delivers it as his.");
        }
    }
    return CLI_DONE;
}

const cli_command cli_command_enroll = {
    "enroll", "URL CODE", "make this device known to headquarters",
    "Makes a key on this device and exchanges the one-time "
    "code for a certificate. The code carries\n"
    "the fingerprint of headquarters' key, so nobody else can "
    "answer. It is good once, for 15 minutes.\n\n"
    "If the replica is another user's, it passes on: his records "
    "leave it, and what he has not\nsent is sealed for "
    "headquarters and delivered, as his, by the next sync.\n\n"
    "    rove enroll https://hq.example.com:8443 4W7ZK-...",
    run_enroll};

/* ---- sync ------------------------------------------------------------------------------------------------ */

static void show_progress(void *ctx, const rove_sync_progress *progress) {
    (void)ctx;
    if (progress->rows_expected > 0) {
        uint64_t percent = progress->rows_applied * 100 / progress->rows_expected;
        int filled = (int)((percent > 100 ? 100 : percent) / 5);
        fprintf(stderr, "\r[%.*s%*s] %llu of %llu records, %llu KiB", filled,
                "####################", 20 - filled, "", (unsigned long long)progress->rows_applied,
                (unsigned long long)progress->rows_expected,
                (unsigned long long)(progress->bytes_received / 1024));
    } else {
        fprintf(stderr, "\r%llu sent, %llu records received, %llu KiB",
                (unsigned long long)progress->rows_pushed,
                (unsigned long long)progress->rows_applied,
                (unsigned long long)(progress->bytes_received / 1024));
    }
    fflush(stderr);
}

json_t *cli_report_json(const rove_sync_report *report) {
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:I, s:o}", "requests",
        (json_int_t)report->requests, "bytes_sent", (json_int_t)report->bytes_sent,
        "bytes_received", (json_int_t)report->bytes_received, "batches",
        (json_int_t)report->batches, "rows_pushed", (json_int_t)report->rows_pushed, "rows_applied",
        (json_int_t)report->rows_applied, "rows_removed", (json_int_t)report->rows_removed,
        "scopes_entered", (json_int_t)report->scopes_entered, "scopes_left",
        (json_int_t)report->scopes_left, "rejected", (json_int_t)report->rejected, "in_review",
        (json_int_t)report->reviewed, "lost", (json_int_t)report->lost, "verified",
        report->verified, "duration_ms", (json_int_t)report->duration_ms, "next_sync",
        cli_time_json(report->next_sync_ms));
}

/* In plain words, if anything differs although it was fetched again: 1. */
static int print_differing(const cli_session *cli) {
    rove_state state = {.size = sizeof state};

    if (rove_read_state(cli->replica, &state, NULL) != ROVE_OK || state.differing == 0) {
        return 0;
    }
    printf("%llu part%s of the replica differ%s from headquarters although fetched again less "
           "than an hour ago.\nHeadquarters has noted it; after the hour it is tried once more. "
           "Unsent work is not touched.\n",
           (unsigned long long)state.differing, state.differing == 1 ? "" : "s",
           state.differing == 1 ? "s" : "");
    return 1;
}

static void print_report(const cli_session *cli, const rove_sync_report *report) {
    printf("Sent %llu, received %llu, removed %llu records in %llu request%s, %lld ms "
           "(%llu bytes up, %llu down).\n",
           (unsigned long long)report->rows_pushed, (unsigned long long)report->rows_applied,
           (unsigned long long)report->rows_removed, (unsigned long long)report->requests,
           report->requests == 1 ? "" : "s", (long long)report->duration_ms,
           (unsigned long long)report->bytes_sent, (unsigned long long)report->bytes_received);
    if (report->verified) {
        puts("The replica is equal to headquarters.");
    } else if (!print_differing(cli)) {
        puts("The replica was not compared with headquarters yet.");
    }
    if (report->rejected > 0) {
        printf("%llu refused: see `rove rejections`.\n", (unsigned long long)report->rejected);
    }
    if (report->lost > 0) {
        printf("%llu met a newer value: see `rove conflicts`.\n", (unsigned long long)report->lost);
    }
    if (report->reviewed > 0) {
        printf("%llu went to headquarters for review: see `rove review`.\n",
               (unsigned long long)report->reviewed);
    }
}

/* What was done until then counts too, and when to come again. */
static int fail_sync(const cli_session *cli, rove_status status, const rove_error *error,
                     const rove_sync_report *report) {
    char text[ROVE_TIME_SIZE];

    if (cli->json) {
        json_t *document = cli_error_json(status, error);
        json_object_set_new(document, "report", cli_report_json(report));
        cli_json(document);
        return cli_exit_of(status);
    }
    if (rove_status_classify(status) == ROVE_CLASS_RETRY) {
        rove_time_format(report->next_sync_ms, text);
        fprintf(stderr, "Unsent work is safe. Next try: from %s on.\n", text);
    }
    return cli_fail(cli, status, error);
}

static int run_sync(cli_session *cli, int argc, char **argv) {
    rove_error error = {0};
    rove_sync_report report = {0};
    rove_sync_options options = {.size = sizeof options, .cancelled = cli_interrupted};
    const char *seconds = cli_option(&argc, argv, "--seconds");
    const char *bytes = cli_option(&argc, argv, "--bytes");
    int64_t bytes_max = 0;
    int terminal = isatty(STDERR_FILENO) && !cli->json;
    int watch = cli_flag(&argc, argv, "--watch");

    if ((seconds != NULL && cli_amount(seconds, 1, SECONDS_MAX, &options.seconds_max) != ROVE_OK) ||
        (bytes != NULL && cli_amount(bytes, 1, BYTES_MAX, &bytes_max) != ROVE_OK) || argc != 1) {
        return cli_usage(cli, &cli_command_sync, "--seconds and --bytes take a number.");
    }
    if (watch && (seconds != NULL || bytes != NULL)) {
        return cli_usage(cli, &cli_command_sync, "--watch has no budget.");
    }
    options.bytes_max = (uint64_t)bytes_max;
    options.progress = terminal ? show_progress : NULL;
    struct sigaction action = {.sa_handler = on_interrupt};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (watch) {
        return cli_watch(cli);
    }
    rove_status status = rove_sync(cli->replica, &options, &report, &error);
    if (terminal) {
        fputs("\r\033[K", stderr);
    }
    if (status == ROVE_WIPED) {
        cli_close(cli);
        cli_send(cli);
    }
    if (status != ROVE_OK) {
        return fail_sync(cli, status, &error, &report);
    }
    if (cli->json) {
        cli_json(cli_report_json(&report));
    } else {
        print_report(cli, &report);
    }
    cli_tidy(cli);
    return CLI_DONE;
}

const cli_command cli_command_sync = {
    "sync", "[--seconds N] [--bytes N] | --watch", "send unsent work, fetch what is new",
    "Reconciles with headquarters until nothing is left to do. It may be stopped at any moment, "
    "also\n"
    "by kill -9: what was done stays done, and the next sync goes on there.\n\n"
    "    rove sync\n"
    "    rove sync --seconds 10 --json     # stop after ten seconds; exit code 9 if not "
    "finished\n\n"
    "--watch goes on until ^C: it syncs when headquarters says that something changed, when "
    "another\n"
    "command has written, and as often as headquarters wants it anyway; after failures less and "
    "less\n"
    "often. It prints a line per sync (with --json an object per line: `why` is start, news, "
    "unsent,\n"
    "poll or retry). In between other commands have the replica; give them --wait for the moments "
    "when\n"
    "it syncs. It ends by itself only where time does not help: exit code 8 when the device was "
    "revoked.\n\n"
    "    rove sync --watch",
    run_sync};

/* ---- tidy ------------------------------------------------------------------------------------------------ */

void cli_tidy(cli_session *cli) {
    rove_error error = {0};

    if (rove_tidy(cli->replica, &error) != ROVE_OK) {
        fprintf(stderr, "What left may still lie in the files (`rove tidy`): %s\n", error.message);
    }
}

static int run_tidy(cli_session *cli, int argc, char **argv) {
    rove_error error = {0};
    rove_state state = {.size = sizeof state};
    (void)argv;

    if (argc != 1) {
        return cli_usage(cli, &cli_command_tidy, NULL);
    }
    rove_status status = rove_tidy(cli->replica, &error);
    if (status == ROVE_OK) {
        status = rove_read_state(cli->replica, &state, &error);
    }
    if (status != ROVE_OK) {
        return cli_fail(cli, status, &error);
    }
    if (cli->json) {
        cli_json(json_pack("{s:b, s:I}", "remains", state.remains, "disk_bytes",
                           (json_int_t)state.disk_bytes));
    } else {
        puts("Nothing of what left the replica is in its files.");
    }
    return CLI_DONE;
}

const cli_command cli_command_tidy = {
    "tidy", "", "leave nothing of what has left in the files",
    "When accounts go to another rep, their records leave this replica with the next sync. Copies "
    "of\n"
    "them may lie in gaps of its files until the file was written anew. `rove sync` does that by\n"
    "itself when it has ended; if it was killed then, `rove status` says \"remains\", and this "
    "does it.\n\n"
    "    rove tidy",
    run_tidy};

/* ---- status ---------------------------------------------------------------------------------------------- */

static int run_status(cli_session *cli, int argc, char **argv) {
    rove_error error = {0};
    rove_state state = {.size = sizeof state};
    (void)argv;

    if (argc != 1) {
        return cli_usage(cli, &cli_command_status, NULL);
    }
    rove_status status = rove_read_state(cli->replica, &state, &error);
    if (status != ROVE_OK) {
        return cli_fail(cli, status, &error);
    }
    if (state.locked && !cli->json) {
        fprintf(stderr, "The replica is locked: `rove sync` unlocks it, and sends what waits.\n");
    }
    if (state.drop_refused > 0 && !cli->json) {
        fprintf(stderr,
                "Headquarters has refused some of what was in the drop box: `rove drop`.\n");
    }
    cli_object(
        cli,
        json_pack("{s:b, s:s, s:I, s:I, s:o, s:b, s:I, s:I, s:b, s:o, s:o, s:o, s:o, s:I, s:I, s:I,"
                  " s:I, s:I, s:I, s:I, s:I, s:b, s:I, s:I, s:b, s:o, s:I, s:I, s:I}",
                  "enrolled", state.enrolled, "headquarters", state.url, "replica",
                  (json_int_t)state.replica, "user", (json_int_t)state.user, "now",
                  cli_time_json(state.now_ms), "clock_trusted", state.clock_trusted,
                  "clock_offset_ms", (json_int_t)state.clock_offset_ms, "seq",
                  (json_int_t)state.seq, "catching_up", state.catching_up, "last_contact",
                  cli_time_json(state.contact_ms), "verified", cli_time_json(state.verified_ms),
                  "next_sync", cli_time_json(state.next_sync_ms), "certificate_until",
                  cli_time_json(state.certificate_until_ms), "records", (json_int_t)state.records,
                  "scopes", (json_int_t)state.scopes, "pending", (json_int_t)state.pending,
                  "conflicts", (json_int_t)state.conflicts, "rejections",
                  (json_int_t)state.rejections, "in_review", (json_int_t)state.in_review,
                  "quarantined", (json_int_t)state.quarantined, "disk_bytes",
                  (json_int_t)state.disk_bytes, "remains", state.remains, "differing",
                  (json_int_t)state.differing, "former_batches", (json_int_t)state.former_batches,
                  "locked", state.locked, "readable_until", cli_time_json(state.lease_until_ms),
                  "dropped", (json_int_t)state.dropped, "drop_refused",
                  (json_int_t)state.drop_refused, "drop_kept", (json_int_t)state.drop_kept));
    return CLI_DONE;
}

const cli_command cli_command_status = {
    "status", "", "what the replica holds and owes",
    "Shows whose replica this is, when it last met headquarters, when it was last found equal to "
    "it,\n"
    "and what waits: pending work, conflicts, rejections, work in review, quarantined rows. "
    "`remains`:\n"
    "records that left may still lie in gaps of the files; the next sync, or `rove tidy`, takes "
    "them\n"
    "out. `differing` counts the parts that differ from headquarters although they were fetched "
    "again\n"
    "less than an hour ago. `former_batches`: sealed work of a user or number before, which the "
    "next\n"
    "sync delivers. `readable_until`: headquarters lets the replica be read until then without a "
    "sync;\n"
    "after that it is `locked`, nothing is counted, and the next sync unlocks it. `dropped`: what\n"
    "waits in the drop box, known also then (`rove help drop`).\n\n"
    "    rove status --json",
    run_status};

/* ---- verify ---------------------------------------------------------------------------------------------- */

static int run_verify(cli_session *cli, int argc, char **argv) {
    rove_error error = {0};
    uint64_t records = 0;
    (void)argv;

    if (argc != 1) {
        return cli_usage(cli, &cli_command_verify, NULL);
    }
    rove_status status = rove_verify(cli->replica, &records, &error);
    if (status != ROVE_OK) {
        return cli_fail(cli, status, &error);
    }
    if (cli->json) {
        cli_json(json_pack("{s:I, s:b}", "records", (json_int_t)records, "sound", 1));
    } else {
        printf("%llu records checked: the file is sound and every digest agrees.\n",
               (unsigned long long)records);
        (void)print_differing(cli);
    }
    return CLI_DONE;
}

const cli_command cli_command_verify = {
    "verify", "", "check the replica's files and digests",
    "Recomputes the digest of everything held and checks the database file. Needs no network; to\n"
    "compare with headquarters, sync.\n\n"
    "    rove verify\n\n"
    "If the file is damaged, keep a copy of the folder and sync: unsent work that can still be "
    "read\n"
    "is sent. Then move replica.db (with -wal, -shm and -log) away and sync again: everything\n"
    "that headquarters has comes anew.",
    run_verify};
