/*
 * admin/purge.c - rove-hq purge: headquarters forgets what happened long ago (Q8), in transactions of some thousand entries, so
 * that devices are served in between. Records, their history and acts stay.
 */
#include "sync/purge.h"

#include "admin/commands.h"
#include "args.h"
#include "base/text.h"
#include "policy.h"
#include "print.h"

#define DETAIL_MAX 400
#define DAY_MS     INT64_C(86400000)

typedef struct purging {
    hq *headquarters;
    const hq_io *io;
    int64_t before_ms;
    uint64_t purged; /* before */
    uint64_t horizon;
    rove__hq_purge counts; /* what there is; then what was taken */
    uint64_t behind;       /* active devices that were last seen before the horizon */
    int begun;
    int done;
} purging;

static const rove__hq_store *store_of(const purging *self) {
    return &hq_database(self->headquarters)->store;
}

static rove_status each_device(void *ctx, const rove__hq_device *device) {
    purging *self = ctx;

    self->behind += device->status == ROVE_DEVICE_ACTIVE && device->cursor < self->horizon;
    return ROVE_OK;
}

static rove_status look(void *ctx, rove__hq_tx *tx, rove_error *error) {
    purging *self = ctx;
    const rove__hq_store *store = store_of(self);
    rove__hq_head head;
    rove_status status = store->head_get(tx, &head);

    (void)error;
    self->purged = head.purged;
    if (status == ROVE_OK) {
        status = rove__purge_horizon(store, tx, self->before_ms, &self->horizon);
    }
    if (status == ROVE_OK) {
        status = store->purge(tx, self->horizon, 0, &self->counts);
    }
    return status == ROVE_OK ? store->device_scan(tx, 0, each_device, self) : status;
}

static void describe(const purging *self, char *text, size_t size) {
    const rove__hq_purge *counts = &self->counts;

    rove__text_format(
        text, size,
        "up to head %llu: feed %llu, marks %llu, ended grants %llu, ended entailments "
        "%llu, deleted records %llu",
        (unsigned long long)self->horizon, (unsigned long long)counts->feed,
        (unsigned long long)counts->marks, (unsigned long long)counts->grants,
        (unsigned long long)counts->entailments, (unsigned long long)counts->tombstones);
}

/* The act is recorded with the first of them, in the words of what was found. */
static rove_status step(void *ctx, rove__hq_tx *tx, rove_error *error) {
    purging *self = ctx;
    rove__hq_purge taken = {.feed = 0};
    char detail[DETAIL_MAX];
    rove_status status = rove__purge_step(store_of(self), tx, self->horizon, &taken, &self->done);

    (void)error;
    if (status == ROVE_OK && !self->begun) {
        describe(self, detail, sizeof detail);
        status = hq_record(self->headquarters, tx, self->io, "purge", detail, 0);
    }
    self->begun |= status == ROVE_OK;
    return status;
}

static int is_nothing(const purging *self) {
    const rove__hq_purge *counts = &self->counts;

    return self->horizon == self->purged && counts->feed + counts->marks + counts->grants +
                                                    counts->entailments + counts->tombstones ==
                                                0;
}

static int print(const purging *self, int dry_run) {
    const rove__hq_purge *counts = &self->counts;
    char before[ROVE_TIME_TEXT_SIZE];
    char detail[DETAIL_MAX];

    if (self->io->json) {
        return hq_print_json(
            self->io,
            json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "before",
                      hq_json_time(self->before_ms), "head", (json_int_t)self->horizon, "feed",
                      (json_int_t)counts->feed, "marks", (json_int_t)counts->marks, "grants",
                      (json_int_t)counts->grants, "entailments", (json_int_t)counts->entailments,
                      "tombstones", (json_int_t)counts->tombstones, "devices_behind",
                      (json_int_t)self->behind, "dry_run", dry_run));
    }
    rove__time_format(self->before_ms, before);
    if (is_nothing(self)) {
        hq_print(self->io, "Nothing that is still remembered happened before %s.\n", before);
        return HQ_EXIT_DONE;
    }
    describe(self, detail, sizeof detail);
    hq_print(self->io, "%s, what happened before %s, %s.\n",
             dry_run ? "To be forgotten" : "Forgotten", before, detail);
    if (self->behind > 0) {
        hq_print(
            self->io,
            "%llu device%s last here before that. Nothing is lost: what differs is found and sent "
            "when they come.\n",
            (unsigned long long)self->behind, self->behind == 1 ? " was" : "s were");
    }
    return HQ_EXIT_DONE;
}

static int run_purge(hq *headquarters, const hq_io *io, int argc, char **argv) {
    purging self = {.headquarters = headquarters, .io = io};
    const char *older_than = NULL;
    int dry_run = 0;
    const hq_option table[] = {
        {"--older-than", &older_than, NULL}, {"--dry-run", NULL, &dry_run}, {NULL, NULL, NULL}};
    int64_t days = hq_keep_days(headquarters);
    rove_error error = {.code = 0};
    int count = 0;
    int result = hq_arguments(io, &hq_command_purge, table, argc, argv, 0, 0, &count);

    if (result != HQ_EXIT_DONE) {
        return result;
    }
    if (older_than != NULL && !hq_number(older_than, 0, HQ_KEEP_DAYS_MAX, &days)) {
        return hq_usage(io, &hq_command_purge, "--older-than takes a number of days");
    }
    self.before_ms = hq_now_ms(headquarters) - days * DAY_MS;
    rove_status status = hq_read(headquarters, look, &self, &error);
    self.done = dry_run || is_nothing(&self);
    while (status == ROVE_OK && !self.done) {
        status = hq_commit(headquarters, step, &self, &error);
    }
    return status == ROVE_OK ? print(&self, dry_run) : hq_failed(io, status, &error);
}

const hq_command hq_command_purge = {
    .name = "purge",
    .usage = "[--older-than DAYS] [--dry-run]",
    .summary = "forget what happened long ago, to keep the database small",
    .help =
        "Takes the change feed, marks of moves, and grants that ended, as far as they are older "
        "than "
        "DAYS\n"
        "(default: of the policy, 400); of deleted records only id and origin stay. Records, "
        "their\n"
        "history and the acts of operators are kept. A device that was last here before that loses "
        "nothing:\n"
        "it is compared with headquarters when it comes, and gets what differs. An edit that old, "
        "of a "
        "record\n"
        "that its author does not hold any more, goes to review. --dry-run only counts.\n\n"
        "    rove-hq purge --dry-run\n"
        "    rove-hq purge --older-than 730\n",
    .run = run_purge};
