/*
 * sim/world.c - time, and who is next: events of the plan, machines that start again, syncs that go on. Then peace: everything
 * is started, nothing goes wrong, everybody syncs until nobody has anything new; and all is checked, twice.
 */
#include "world.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS_MAX 14 /* of everybody's syncs until there is rest */
#define SECOND_MS  INT64_C(1000)
#define MINUTE_MS  (60 * SECOND_MS)

unsigned world_first_holders(unsigned account) {
    static const unsigned holders[WORLD_ACCOUNTS] = {7, 7, 3, 3, 1, 2, 4, 1};
    return holders[account];
}

/* ---- telling -------------------------------------------------------------------------------------------- */

static void mix(world *w, const char *text) {
    for (; *text != '\0'; text++) {
        w->hash = (w->hash ^ (uint8_t)*text) * 0x100000001b3u;
    }
}

void world_says(world *w, const char *format, ...) {
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    mix(w, line);
    if (w->verbose) {
        fprintf(stderr, "%12lld  %s\n", (long long)(w->now_ms - WORLD_BEGIN_MS), line);
    }
}

void world_violated(world *w, const char *invariant, const char *place, const char *format, ...) {
    va_list arguments;
    if (world_failed(w)) {
        return;
    }
    const char *slash = strrchr(place, '/');
    w->place = slash == NULL ? place : slash + 1;
    snprintf(w->invariant, sizeof w->invariant, "%s", invariant);
    va_start(arguments, format);
    (void)vsnprintf(w->why, sizeof w->why, format, arguments);
    va_end(arguments);
    world_says(w, "VIOLATION %s: %s", w->invariant, w->why);
}

/* ---- the beginning -------------------------------------------------------------------------------------- */

/* What office.c put into the first day, in the same order. */
static void first_ledger(world *w) {
    ledger *l = &w->ledger;
    for (unsigned i = 0; i < WORLD_ACCOUNTS; i++) {
        ledger_record *record = ledger_record_get(l, ledger_record_new(l, LEDGER_ACCOUNT, 0));
        record->holders = record->ever = world_first_holders(i);
    }
    for (unsigned i = 0; i < 2 * WORLD_ACCOUNTS; i++) {
        (void)ledger_record_new(l, LEDGER_VISIT, 1 + i % WORLD_ACCOUNTS);
    }
    for (unsigned i = 0; i < WORLD_ACCOUNTS; i++) {
        (void)ledger_record_new(l, LEDGER_CONTACT, 0);
    }
    for (unsigned i = 0; i < WORLD_ACCOUNTS; i++) {
        (void)ledger_record_new(l, LEDGER_ROLE, 1 + i);
    }
    l->count = 1; /* writes begin at 1 */
    l->writes = calloc(256, sizeof *l->writes);
    l->capacity = 256;
}

void world_prepare(const rove_crypto *crypto) {
    static const int64_t now_ms = WORLD_BEGIN_MS;
    (void)sim_disk_install();
    sim_disk_seed(1);
    office_prepare(crypto, &now_ms);
    device_prepare(crypto, &now_ms);
}

void world_open_device(world *w, unsigned number, int user) {
    device *d = &w->devices[number];
    *d = (device){.w = w,
                  .number = (int)number,
                  .user = -1,
                  .wanted = -1,
                  .family = -1,
                  .line = (int)number,
                  .copied_of = -1,
                  .up_ms = WORLD_NEVER};
    sim_machine_open(&d->machine, (int)number + 2, sim_draw(&w->boots), &w->now_ms, w->crypto);
    device_begin(d, user);
}

static void begin(world *w) {
    uint64_t seed = w->plan->seed ^ w->plan->count;
    sim_disk_seed(seed);
    first_ledger(w);
    office_begin(&w->office, w);
    w->boots = sim_stream(w->plan->events == NULL ? 1 : w->plan->devices, 31);
    for (unsigned i = 0; i < w->plan->devices; i++) {
        world_open_device(w, i, (int)(i % w->plan->users));
    }
}

/* ---- what is next --------------------------------------------------------------------------------------- */

static int needs_reading(plan_what what) {
    return what == PLAN_WRITE || what == PLAN_OPENS || what == PLAN_CALLS || what == PLAN_DROPS ||
           what == PLAN_TAG || what == PLAN_CONTEST || what == PLAN_PEOPLE || what == PLAN_UNDO ||
           what == PLAN_SETTLE || what == PLAN_TIDY;
}

static void act(world *w, const plan_event *event) {
    if (event->who == PLAN_HQ || event->what == PLAN_REPLAY || event->what == PLAN_REVOKE) {
        acts_act(&w->office, event);
        return;
    }
    device *d = &w->devices[event->who];
    if (needs_reading(event->what) && !leases_reads(d)) {
        if (event->what == PLAN_WRITE && w->plan->notes) {
            notes_record(d);
        }
        device_look(d); /* the end of the lease is written, and the power may have gone then */
        return;
    }
    switch (event->what) {
    case PLAN_WRITE:
    case PLAN_OPENS:
    case PLAN_CALLS:
    case PLAN_DROPS:
    case PLAN_TAG:
    case PLAN_PEOPLE:
        writes_act(d, event);
        break;
    case PLAN_CONTEST:
        writes_contest(d, event);
        break;
    case PLAN_UNDO:
        writes_undo(d, event);
        break;
    case PLAN_SETTLE:
        writes_settle(d, event);
        break;
    default:
        device_act(d, event);
    }
}

/* When a device has something to do by itself. */
static int64_t due(const device *d) {
    return d->fiber != NULL ? d->wake_ms : d->replica == NULL && d->exists ? d->up_ms : WORLD_NEVER;
}

/* Does the next thing that is due until then; 0: there is none. */
static int step(world *w, int64_t until_ms) {
    int64_t at_ms = w->office.hq == NULL ? w->office.up_ms : WORLD_NEVER;
    device *next = NULL;
    for (unsigned i = 0; i < w->plan->devices; i++) {
        if (due(&w->devices[i]) < at_ms) {
            at_ms = due(&w->devices[i]);
            next = &w->devices[i];
        }
    }
    if (at_ms > until_ms) {
        return 0;
    }
    w->now_ms = at_ms > w->now_ms ? at_ms : w->now_ms;
    if (next != NULL) {
        device_wake(next);
    } else {
        office_start(&w->office);
    }
    office_look(&w->office);
    return 1;
}

static void run_events(world *w) {
    for (w->next = 0; w->next < w->plan->count && !world_failed(w); w->next++) {
        const plan_event *event = &w->plan->events[w->next];
        int64_t at_ms = WORLD_BEGIN_MS + event->at_ms;
        while (!world_failed(w) && step(w, at_ms)) {
        }
        w->now_ms = at_ms > w->now_ms ? at_ms : w->now_ms;
        act(w, event);
    }
}

/* ---- peace ---------------------------------------------------------------------------------------------- */

static void calm(world *w) {
    w->calm = 1;
    copy_end();
    sim_machine *server = &w->office.machine;
    server->disk.cut_in = server->disk.full_in = server->disk.fail_in = server->fail_in = 0;
    server->disk.full = 0;
    server->disk.count.refused = 0;
    for (unsigned i = 0; i < w->plan->devices; i++) {
        sim_machine *m = &w->devices[i].machine;
        m->disk.cut_in = m->disk.full_in = m->disk.fail_in = m->fail_in = 0;
        m->disk.full = 0;
        m->disk.count.refused = 0;
        w->devices[i].faults = 0;
        if (wipes_under_way(&w->devices[i]) && w->devices[i].fiber == NULL) {
            w->devices[i].up_ms = WORLD_NEVER; /* each round of the rest wakes it */
        }
    }
    w->now_ms += 3600 * SECOND_MS;
    while (w->office.hq != NULL && late_come(&w->office)) {
    }
    for (int i = 0; i < 10000 && !world_failed(w) && step(w, w->now_ms + 24 * 3600 * SECOND_MS);
         i++) {
    }
}

static rove_status tell_pending(void *ctx, const rove_pending *pending) {
    fprintf(stderr, "                device %d: %s %s %lld %s%s\n", *(int *)ctx, pending->what,
            pending->entity, (long long)pending->id, pending->fields,
            pending->in_flight ? ", in flight" : "");
    return ROVE_OK;
}

static int settled(device *d, const rove_sync_report *report, rove_status status) {
    rove_state state = {.size = sizeof state};
    rove_error error = {0};
    if (d->replica == NULL || rove_read_state(d->replica, &state, &error) != ROVE_OK) {
        return 0;
    }
    if (d->w->verbose) {
        if (state.catching_up || state.former_batches > 0 || !report->verified) {
            fprintf(stderr, "                device %d: former batches %llu%s%s\n", d->number,
                    (unsigned long long)state.former_batches,
                    state.catching_up ? ", catching up" : "",
                    report->verified ? "" : ", not verified");
        }
        (void)!rove_pending_list(d->replica, tell_pending, &d->number, &error);
    }
    return status == ROVE_OK && report->verified &&
           (state.pending == 0 || state.rejections > 0) /* what is about a refused record waits */
           && !state.catching_up && state.former_batches == 0 && report->rows_pushed == 0 &&
           report->rows_applied == 0 && report->rows_removed == 0;
}

static void quiesce(world *w) {
    int quiet = 0;
    for (int round = 0; round < ROUNDS_MAX && !quiet && !world_failed(w); round++) {
        quiet = 1;
        w->round = round;
        for (unsigned i = 0; i < w->plan->devices && !world_failed(w); i++) {
            rove_sync_report report;
            device *d = &w->devices[i];
            if (d->replica == NULL || (d->user < 0 && d->wanted < 0)) {
                if (wipes_under_way(d)) { /* delivered again, and perhaps over by now */
                    device_wake(d);
                }
                quiet = 0;
                continue;
            }
            rove_status status = device_sync_calm(d, &report);
            quiet = settled(d, &report, status) && quiet;
        }
        w->now_ms += 61 * MINUTE_MS;
        if (round == 1) {
            acts_touch(&w->office);
            quiet = 0;
        }
        if (round == 3 && !quiet) {
            (void)acts_back_up(&w->office); /* what was delivered from a drop box waits for it */
        }
        quiet = quiet && round > 1;
    }
    if (!quiet && !world_failed(w)) {
        VIOLATED(w, "I20", "there is no rest after %d rounds of syncs without a fault", ROUNDS_MAX);
    }
}

static void start_again(world *w) {
    office_stop(&w->office, 0, 0);
    office_start(&w->office);
    for (unsigned i = 0; i < w->plan->devices && !world_failed(w); i++) {
        device *d = &w->devices[i];
        device_stop(d, 0, 0);
        device_wake(d);
    }
}

/* What every device's replica and headquarters' database hold, as files of this folder, for sqlite3. */
static void dump(world *w) {
    for (unsigned i = 0; i <= w->plan->devices; i++) {
        const sim_disk *disk = i == 0 ? &w->office.machine.disk : &w->devices[i - 1].machine.disk;
        static const char *const names[] = {"hq.db", "hq.db-wal", "replica.db", "replica.db-wal"};
        for (size_t n = 0; n < 4; n++) {
            char path[64];
            size_t size = 0;
            const uint8_t *bytes = sim_disk_bytes(disk, names[n], &size);
            snprintf(path, sizeof path, "sim-%u-%s", i, names[n]);
            FILE *file = bytes == NULL ? NULL : fopen(path, "wb");
            if (file != NULL) {
                (void)fwrite(bytes, 1, size, file);
                fclose(file);
            }
        }
    }
}

static void end(world *w) {
    for (unsigned i = 0; i < w->plan->devices; i++) {
        device *d = &w->devices[i];
        if (d->fiber != NULL) {
            device_stop(d, 0, 0);
        }
        device_end(d);
    }
    office_end(&w->office);
    ledger_free(&w->ledger);
    free(w->notes.items);
}

int world_run(world *w, const plan *story, const rove_crypto *crypto, world_counts *counts,
              int verbose) {
    memset(w, 0, sizeof *w);
    *w = (world){.plan = story,
                 .now_ms = WORLD_BEGIN_MS,
                 .crypto = crypto,
                 .counts = counts,
                 .verbose = verbose,
                 .hash = 0xcbf29ce484222325u};
    begin(w);
    run_events(w);
    if (!world_failed(w)) {
        calm(w);
    }
    if (!world_failed(w)) {
        quiesce(w);
    }
    if (!world_failed(w)) {
        check_all(w, 0);
    }
    if (!world_failed(w)) {
        start_again(w);
        quiesce(w);
    }
    if (!world_failed(w)) {
        check_all(w, 1);
    }
    if (!world_failed(w)) {
        epilogue(w);
    }
    if (world_failed(w) && verbose > 1) {
        dump(w);
    }
    counts->seeds++;
    counts->device_days += (uint64_t)story->devices * story->days;
    end(w);
    return !world_failed(w);
}
