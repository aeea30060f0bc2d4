/*
 * watch.c - `rove sync --watch`: syncs whenever there is something to exchange.
 *
 * The replica is open only during a sync. In between it belongs to other commands, and what ends the pause is
 *
 *   news     headquarters says so (rove_wait_run)
 *   unsent   the replica's files changed, and there is something to send
 *   poll     headquarters wants to be asked now and then, whatever it says meanwhile
 *   retry    some time has passed since a sync failed: twice as much after each failure in a row
 *
 * Headquarters' word is a hint: if it brings nothing again and again, it is listened to less and less.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cli.h"

#define NAP_MS       100
#define PAUSE_MS     INT64_C(2000)
#define PAUSE_MAX_MS INT64_C(900000)
#define PATH_SIZE    4096

/* What tells that somebody wrote to the replica; zeros for a file that is not there. */
typedef struct traces {
    struct timespec written;
    off_t size;
    off_t log_size;
} traces;

typedef struct watching {
    cli_session *cli;
    rove_wait *wait;         /* NULL: there is none now */
    const char *why;         /* the sync at hand, or the next one */
    traces left;             /* as this process left the replica */
    int64_t due_ms;          /* when to sync in any case */
    int64_t deaf_ms;         /* until when headquarters is not listened to */
    unsigned failures, vain; /* in a row */
} watching;

static int64_t now_ms(void) {
    struct timespec now = {0, 0};

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void nap(void) {
    const struct timespec pause = {0, NAP_MS * 1000000L};

    nanosleep(&pause, NULL);
}

/* `first_ms`, doubled with each time in a row. */
static int64_t doubled(int64_t first_ms, unsigned times) {
    for (unsigned i = 1; i < times && first_ms < PAUSE_MAX_MS; i++) {
        first_ms *= 2;
    }
    return first_ms;
}

/* ---- the files ------------------------------------------------------------------------------------------- */

static traces look(const cli_session *cli) {
    static const char *const logs[] = {"replica.db-wal", "replica.db-log"}; /* plain, encrypted */
    traces seen = {{0, 0}, 0, 0};
    struct stat file;
    char path[PATH_SIZE];

    snprintf(path, sizeof path, "%s/replica.db", cli->folder);
    if (stat(path, &file) == 0) {
        seen.written = file.st_mtim;
        seen.size = file.st_size;
    }
    for (size_t i = 0; i < sizeof logs / sizeof *logs; i++) {
        snprintf(path, sizeof path, "%s/%s", cli->folder, logs[i]);
        if (stat(path, &file) == 0) {
            seen.log_size += file.st_size;
        }
    }
    return seen;
}

static int changed(const watching *self) {
    traces seen = look(self->cli);

    return seen.written.tv_sec != self->left.written.tv_sec ||
           seen.written.tv_nsec != self->left.written.tv_nsec || seen.size != self->left.size ||
           seen.log_size != self->left.log_size;
}

/* ---- the replica ----------------------------------------------------------------------------------------- */

/* CANCELLED: interrupted while another process had it. */
static rove_status open_replica(watching *self, rove_error *error) {
    rove_status status = cli_open(self->cli, error);

    while (status == ROVE_BUSY && !cli_interrupted(NULL)) {
        nap();
        status = cli_open(self->cli, error);
    }
    return status == ROVE_BUSY ? ROVE_CANCELLED : status;
}

/* Leaves the replica to others. A wait that cannot be made costs the hints, no more. */
static void close_replica(watching *self, int listen) {
    rove_wait_free(self->wait);
    self->wait = NULL;
    if (listen && rove_wait_new(self->cli->replica, &self->cli->ports.transport, &self->wait,
                                NULL) != ROVE_OK) {
        self->wait = NULL;
    }
    cli_close(self->cli);
    self->left = look(self->cli);
}

/* ---- a sync ---------------------------------------------------------------------------------------------- */

static void print_json(const watching *self, const char *at, rove_status status,
                       const rove_error *error, const rove_sync_report *report) {
    json_t *line = cli_report_json(report);

    json_object_set_new(line, "at", json_string(at));
    json_object_set_new(line, "why", json_string(self->why));
    if (status != ROVE_OK) {
        json_t *failure = cli_error_json(status, error);
        json_object_update(line, failure);
        json_decref(failure);
    }
    json_dumpf(line, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(line);
}

static void print(const watching *self, rove_status status, const rove_error *error,
                  const rove_sync_report *report) {
    char at[ROVE_TIME_SIZE];

    rove_time_format(rove_now_ms(self->cli->replica), at);
    if (self->cli->json) {
        print_json(self, at, status, error, report);
    } else if (status != ROVE_OK) {
        printf("%s %s: %s (%s); next try in %lld s\n", at, self->why, error->message,
               rove_status_name(status), (long long)(self->due_ms - now_ms() + 999) / 1000);
    } else {
        printf("%s %s: sent %llu, received %llu, removed %llu records%s\n", at, self->why,
               (unsigned long long)report->rows_pushed, (unsigned long long)report->rows_applied,
               (unsigned long long)report->rows_removed,
               report->verified ? "; equal to headquarters" : "");
    }
    fflush(stdout);
}

/* Whether trying again would not help. */
static int is_final(rove_status status) {
    switch (rove_status_classify(status)) {
    case ROVE_CLASS_FINE:
    case ROVE_CLASS_RETRY:
        return 0;
    case ROVE_CLASS_PEER:
        return status == ROVE_UPGRADE || status == ROVE_VERSION;
    case ROVE_CLASS_CALLER:
    case ROVE_CLASS_DEVICE:
    case ROVE_CLASS_ACCESS:
        break;
    }
    return 1;
}

static int is_empty(const rove_sync_report *report) {
    return report->rows_pushed + report->rows_applied + report->rows_removed +
               report->scopes_entered + report->scopes_left ==
           0;
}

/* When to come again, and when to listen again. */
static void plan(watching *self, rove_status status, const rove_sync_report *report) {
    int64_t delay_ms = report->next_sync_ms - rove_now_ms(self->cli->replica);
    int fine = rove_status_classify(status) == ROVE_CLASS_FINE;

    delay_ms = report->next_sync_ms == 0 || delay_ms < 0 ? 0 : delay_ms;
    self->failures = fine ? 0 : self->failures + 1;
    self->vain = fine && strcmp(self->why, "news") == 0 && is_empty(report) ? self->vain + 1 : 0;
    self->due_ms = now_ms() + doubled(delay_ms, self->failures);
    self->deaf_ms = self->vain > 0 ? now_ms() + doubled(PAUSE_MS, self->vain) : 0;
}

/* On an open replica, which is closed afterwards. CLI_DONE: go on. */
static int sync_once(watching *self) {
    cli_session *cli = self->cli;
    rove_error error = {0};
    rove_sync_report report = {0};
    rove_sync_options options = {.size = sizeof options, .cancelled = cli_interrupted};
    rove_status status = rove_sync(cli->replica, &options, &report, &error);
    int code = CLI_DONE;

    if (is_final(status)) {
        code = cli_fail(cli, status, &error);
    } else if (status != ROVE_CANCELLED) {
        plan(self, status, &report);
        print(self, status, &error, &report);
    }
    if (status == ROVE_OK) {
        cli_tidy(cli);
    }
    close_replica(self, status == ROVE_OK);
    return code;
}

/* ---- in between ------------------------------------------------------------------------------------------ */

/* Somebody wrote: is it for headquarters? If so the replica stays open. */
static rove_status look_for_work(watching *self, int *found, rove_error *error) {
    rove_state state = {.size = sizeof state};
    rove_status status = open_replica(self, error);

    *found = 0;
    if (status == ROVE_OK) {
        status = rove_read_state(self->cli->replica, &state, error);
        *found = status == ROVE_OK && state.pending > 0;
    }
    if (status == ROVE_OK && !*found) {
        close_replica(self, 1); /* it may be further than the wait knows */
    }
    return status;
}

/* After a failure what waits is known, and when to try again. */
static int is_over(void *ctx) {
    const watching *self = ctx;

    return cli_interrupted(NULL) || now_ms() >= self->due_ms ||
           (self->failures == 0 && changed(self));
}

/* 1: headquarters says that there is something, or that this device is to sync to learn what is wrong. */
static int listen(watching *self) {
    rove_wait_options options = {.size = sizeof options, .cancelled = is_over, .ctx = self};
    int64_t retry_ms = 0;
    rove_status status = rove_wait_run(self->wait, &options, &retry_ms, NULL);

    self->deaf_ms = now_ms() + retry_ms;
    return status == ROVE_OK || rove_status_classify(status) == ROVE_CLASS_ACCESS;
}

/* Until it is time for a sync, on the replica that is then open. CANCELLED: interrupted. */
static rove_status pause_until_due(watching *self, rove_error *error) {
    int found = 0;
    rove_status status = ROVE_OK;

    while (!cli_interrupted(NULL)) {
        if (now_ms() >= self->due_ms) {
            self->why = self->failures > 0 ? "retry" : "poll";
            return open_replica(self, error);
        }
        if (self->failures == 0 && changed(self)) {
            self->why = "unsent";
            status = look_for_work(self, &found, error);
            if (status != ROVE_OK || found) {
                return status;
            }
        } else if (self->wait == NULL || now_ms() < self->deaf_ms) {
            nap();
        } else if (listen(self)) {
            self->why = "news";
            return open_replica(self, error);
        }
    }
    return ROVE_CANCELLED;
}

int cli_watch(cli_session *cli) {
    watching self = {.cli = cli, .why = "start"};
    rove_error error = {0};
    rove_status status = ROVE_OK;
    int code = CLI_DONE;

    while (code == CLI_DONE && status == ROVE_OK) {
        code = sync_once(&self);
        if (code == CLI_DONE) {
            status = pause_until_due(&self, &error);
        }
    }
    if (status != ROVE_OK && status != ROVE_CANCELLED) {
        code = cli_fail(cli, status, &error);
    }
    rove_wait_free(self.wait);
    return code;
}
