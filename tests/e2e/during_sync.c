/*
 * during_sync.c - a rep who goes on working while a first download of some thousand records runs, on a device whose
 * clock jumps about meanwhile: what is written and read on one thread while another syncs is all there, once, in order.
 *
 * Run without arguments it is the whole test: it starts a headquarters with the words of lib.sh and runs itself as
 *
 *     during_sync URL CODE FOLDER      which prints how many tasks the rep wrote during the sync
 *
 * The rep's turn comes with each report of progress, and the sync waits for it, so that nothing depends on speed.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "posix/posix.h"
#include "rove/client.h"

static const char story[] =
    ". \"${0%/*}/lib.sh\"\n"
    "plain=--plain\n" /* as this program's own is */
    "headquarters 9000\n"
    "must \"$1\" \"$hq_url\" \"$(invitation jo)\" \"$work/jo\"\n"
    "tasks=$(cat \"$work/out\")\n"
    "[ \"$tasks\" -gt 3 ] || fail 'the rep did not get to work during the sync'\n"
    "enrolled second\n"
    "for replica in jo second; do\n"
    "    tell \"what $replica holds\"\n"
    "    same 'each task once, in order' \"$(seq \"$tasks\" | sed 's/^/task /')\" \\\n"
    "        \"$(select_ $replica 'SELECT subject FROM task ORDER BY id')\"\n"
    "    same 'all accounts' 9000 \"$(select_ $replica 'SELECT count(*) FROM account')\"\n"
    "    must rep $replica verify\n"
    "done\n"
    "same 'nothing waits' 0 \"$(pending jo)\"\n";

typedef struct rep {
    rove *replica;
    rove_id user;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int turn; /* it is the rep's */
    int over; /* the sync has ended */
    int tasks;
} rep;

/* Ends the test unless it went well. */
static void need(rove_status status, const rove_error *error, const char *what) {
    if (status != ROVE_OK) {
        fprintf(stderr, "%s: %s (%s)\n", what, error->message, rove_status_name(status));
        exit(1);
    }
}

static int64_t count(rep *self, const char *sql) {
    rove_error error = {0};
    rove_query *query = NULL;

    need(rove_query_new(self->replica, sql, NULL, 0, &query, &error), &error, sql);
    need(rove_query_step(query, &error), &error, sql);
    int64_t found = rove_query_value(query, 0).as.integer;
    rove_query_free(query);
    return found;
}

/* Writes a task of the rep's own and reads it back, with a clock that is wrong in another way each time. */
static void work(rep *self) {
    static const int64_t wrong_ms[] = {0, -1700000000000, 2300000000000, 3456000000, -3456000000};
    rove_error error = {0};
    rove_id id = 0;
    char subject[32];

    self->tasks++;
    rove_posix_clock_skew(wrong_ms[(size_t)self->tasks % (sizeof wrong_ms / sizeof wrong_ms[0])]);
    snprintf(subject, sizeof subject, "task %d", self->tasks);
    rove_field fields[] = {{"about_id", rove_int(self->user)},
                           {"assigned_to_id", rove_int(self->user)},
                           {"subject", rove_text(subject)}};
    need(rove_insert(self->replica, "Task", fields, sizeof fields / sizeof fields[0], &id, &error),
         &error, "writing during a sync");
    if (count(self, "SELECT count(*) FROM task") != self->tasks ||
        count(self, "SELECT count(*) FROM account") < 0) {
        fputs("what was written cannot be read\n", stderr);
        exit(1);
    }
}

static void *run_rep(void *ctx) {
    rep *self = ctx;

    pthread_mutex_lock(&self->mutex);
    while (!self->over) {
        if (self->turn) {
            work(self);
            self->turn = 0;
            pthread_cond_broadcast(&self->changed);
        }
        pthread_cond_wait(&self->changed, &self->mutex);
    }
    pthread_mutex_unlock(&self->mutex);
    return NULL;
}

static void give_turn(void *ctx, const rove_sync_progress *progress) {
    rep *self = ctx;
    (void)progress;

    pthread_mutex_lock(&self->mutex);
    self->turn = 1;
    pthread_cond_broadcast(&self->changed);
    while (self->turn) {
        pthread_cond_wait(&self->changed, &self->mutex);
    }
    pthread_mutex_unlock(&self->mutex);
}

static void sync_while_working(rep *self) {
    rove_sync_options options = {.size = sizeof options, .progress = give_turn, .ctx = self};
    rove_sync_report report;
    rove_error error = {0};
    pthread_t thread;

    if (pthread_create(&thread, NULL, run_rep, self) != 0) {
        exit(1);
    }
    rove_status status = rove_sync(self->replica, &options, &report, &error);
    pthread_mutex_lock(&self->mutex);
    self->over = 1;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
    pthread_join(thread, NULL);
    need(status, &error, "the first download");
    need(rove_sync(self->replica, NULL, &report, &error), &error, "the sync after it");
    if (!report.verified) {
        fputs("the replica was not compared with headquarters\n", stderr);
        exit(1);
    }
}

static int run(const char *url, const char *code, const char *folder) {
    rep self = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    rove_ports ports;
    rove_state state = {.size = sizeof state};
    rove_error error = {0};

    need(rove_posix_ports_new(&ports), &error, "the ports");
    ports.app = "during_sync";
    need(rove_open(&ports, folder, &self.replica, &error), &error, "opening");
    need(rove_enroll(self.replica, url, code, &error), &error, "enrolling");
    need(rove_read_state(self.replica, &state, &error), &error, "the state");
    self.user = state.user;
    sync_while_working(&self);
    rove_close(self.replica);
    rove_posix_ports_free(&ports);
    printf("%d\n", self.tasks);
    return 0;
}

int main(int argc, char **argv) {
    char name[4096];
    const char *source = getenv("ROVE_SOURCE_DIR");

    if (argc == 4) {
        return run(argv[1], argv[2], argv[3]);
    }
    /* lib.sh lies beside what the script is called. */
    snprintf(name, sizeof name, "%s/tests/e2e/during_sync", source != NULL ? source : ".");
    execl("/bin/sh", "sh", "-c", story, name, argv[0], (char *)NULL);
    perror("sh");
    return 1;
}
