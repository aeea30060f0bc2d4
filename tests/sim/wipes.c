/*
 * sim/wipes.c - I16: a device is wiped, by its rep or because headquarters orders it, and cut off at any step. Then no byte of its files
 * shows a record, nothing on it answers, what was not sent comes to headquarters by the drop box (I2, I3), and the
 * receipt says how much that was. When the box is delivered the folder is as good as new, and its rep enrols in it.
 */
#include "world.h"

#include <inttypes.h>
#include <string.h>

#include "orders.h"
#include "rove/drop.h"

#define MINUTE_MS INT64_C(60000)
/* Until what could not be taken, or is in no backup, is sent again. */
#define AGAIN_MS (720 * MINUTE_MS)

int wipes_under_way(const device *d) {
    return d->wipe.begun || d->wipe.ordered;
}

/* What was not sent comes under a number that has ended; so does what was, if headquarters is restored. */
static void mark_writes(device *d, rove_replica replica) {
    ledger *l = &d->w->ledger;
    for (uint32_t i = 1; i < l->count; i++) {
        ledger_write *write = ledger_get(l, i);
        if (write->author == d->number) {
            ledger_record_get(l, write->record)->odd = 1;
            write->barred |= d->wipe.sure && write->done && write->syncs == d->syncs &&
                             write->replica == replica;
        }
    }
}

static rove_status is_in_flight(void *ctx, const rove_pending *pending) {
    int *in_flight = ctx;
    *in_flight |= pending->in_flight;
    return ROVE_OK;
}

/* How many changes there are to be sealed: of a record that is under way there may be two, and what was refused goes along. */
static int is_counted(device *d, const rove_state *state) {
    rove_error error = {0};
    int in_flight = 0;
    return rove_pending_list(d->replica, is_in_flight, &in_flight, &error) == ROVE_OK &&
           !in_flight && state->rejections == 0 && state->former_batches == 0;
}

static void begin(device *d, const plan_event *event, const rove_state *state, int ordered) {
    world *w = d->w;
    d->wipe.ordered = ordered;
    d->wipe.begun = !ordered;
    d->wipe.sure = 0;
    d->wipe.number = w->wipe_count;
    d->wipe.work = event->work;
    d->wipe.faults = event->faults;
    d->revoked = 1;
    w->wipes[w->wipe_count++] = (simulated_wipe){.replica = state->replica,
                                                 .counted = !ordered && is_counted(d, state),
                                                 .changes = state->pending};
    if (d->has_image) { /* who puts a wiped device's files back has stolen them */
        sim_disk_close(&d->image);
        d->has_image = 0;
    }
}

/* ---- that it is gone ------------------------------------------------------------------------------------ */

static void check_gone(device *d) {
    world *w = d->w;
    char key[LEDGER_KEY_SIZE];
    d->wipe.begun = 1;
    if (d->machine.disk.count.refused > 0) {
        return; /* a file that could not be removed; it is tried again */
    }
    for (uint32_t record = 1; record < w->ledger.record_count && !world_failed(w); record++) {
        ledger_text('r', record, key);
        if (sim_disk_holds(&d->machine.disk, key, strlen(key))) {
            VIOLATED(w, "I16", "device %d is wiped, and has r%u in a file", d->number, record);
        }
    }
    if (sim_disk_holds(&d->machine.disk, "SQLite format", 13)) {
        VIOLATED(w, "I16", "device %d is wiped, and has a database", d->number);
    }
}

static void check_silent(device *d) {
    rove_error error = {0};
    rove_query *query = NULL;
    rove_status status = rove_query_new(d->replica, "SELECT 1", NULL, 0, &query, &error);
    rove_query_free(query);
    if (status != ROVE_WIPED) {
        VIOLATED(d->w, "I16", "device %d is wiped, and a query says %s", d->number,
                 rove_status_name(status));
    }
}

static void stop_for(device *d, int64_t pause_ms) {
    int power = d->machine.disk.off;
    d->w->counts->wipes_cut += (uint64_t)power;
    device_stop(d, power, pause_ms);
    d->up_ms = d->w->calm ? WORLD_NEVER : d->up_ms; /* each round of the rest wakes it */
}

static void stop(device *d) {
    stop_for(d, MINUTE_MS);
}

/* ---- steps ---------------------------------------------------------------------------------------------- */

/* At any of its calls that reach the disk the power may go. */
static void by_rep(device *d, sim_dice *dice) {
    rove_error error = {0};
    if (sim_chance(dice, 600)) {
        d->machine.disk.cut_in = 1 + sim_below(dice, sim_chance(dice, 500) ? 30 : 150);
    }
    rove_status status = rove_wipe(d->replica, &error);
    world_says(d->w, "device %d is wiped by its rep: %s", d->number, rove_status_name(status));
    if (status == ROVE_OK && !d->machine.disk.off) {
        check_silent(d);
        check_gone(d);
    } else if (!d->machine.disk.off) {
        (void)device_may(d, "wipe", status, &error);
    }
    stop(d);
}

static void by_order(device *d, rove_replica replica) {
    char number[24];
    snprintf(number, sizeof number, "%u", (unsigned)replica);
    const char *words[] = {"wipe", number, NULL};
    d->wipe.sure = acts_command(&d->w->office, words) == 0 && !d->w->office.machine.disk.off;
    d->w->counts->wipes_ordered++;
    office_look(&d->w->office);
}

void wipes_act(device *d, const plan_event *event) {
    world *w = d->w;
    sim_dice dice = sim_stream(event->work, 8);
    rove_state state = {.size = sizeof state};
    rove_error error = {0};
    int ordered = sim_chance(&dice, 500);
    if (d->replica == NULL || d->fiber != NULL || d->user < 0 || d->wanted >= 0 || d->family >= 0 ||
        wipes_under_way(d) || (ordered && w->office.hq == NULL) || !leases_reads(d) ||
        w->wipe_count == sizeof w->wipes / sizeof *w->wipes ||
        rove_read_state(d->replica, &state, &error) != ROVE_OK || !state.enrolled) {
        device_look(d); /* the power may have gone at this */
        return;
    }
    begin(d, event, &state, ordered);
    if (ordered) {
        by_order(d, state.replica);
        mark_writes(d, state.replica);
    } else {
        mark_writes(d, state.replica);
        by_rep(d, &dice);
    }
}

/* There is nothing left but the drop box. */
static void deliver(device *d) {
    rove_drop_report report = {.size = sizeof report};
    rove_error error = {0};
    char folder[16];
    snprintf(folder, sizeof folder, "/%d", d->number + 2);
    d->wipe.work++;
    d->air = sim_stream(d->wipe.work ^ d->wipe.faults, 21);
    d->beside = sim_stream(d->wipe.work ^ d->wipe.faults, 22);
    d->faults = d->w->calm ? 0 : d->wipe.faults;
    d->deaf = 0;
    d->syncs++;
    device_speaks(d);
    rove_status status = rove_drop_send(&d->ports, folder, NULL, NULL, &report, &error);
    world_says(d->w,
               "device %d is wiped, and delivers its drop box: %s, %" PRIu64 " taken, %" PRIu64
               " kept, %" PRIu64 " later, %" PRIu64 " refused",
               d->number, rove_status_name(status), report.taken, report.kept, report.later,
               report.refused);
    (void)device_may(d, "sync", status, &error);
    stop_for(d, status == ROVE_OK && report.taken == 0 ? AGAIN_MS : MINUTE_MS);
}

/* The folder is as good as new. */
static void over(device *d) {
    simulated_wipe *wipe = &d->w->wipes[d->wipe.number];
    wipe->over = 1;
    d->w->counts->wipes++;
    d->wipe.begun = d->wipe.ordered = 0;
    d->wanted = d->user;
    d->user = -1;
    d->whole = 0;
    d->seq = 0;
    d->known_as = d->rolled = 0;
    d->acked = d->confirmed = 0;
    leases_went_back(d);
    world_says(d->w, "device %d begins anew", d->number);
}

int wipes_opened(device *d, rove_status status) {
    rove_state state = {.size = sizeof state};
    rove_error error = {0};
    if (!wipes_under_way(d)) {
        return 0;
    }
    if (status == ROVE_WIPED) {
        d->replica = NULL;
        check_gone(d);
        deliver(d);
        return 1;
    }
    if (status == ROVE_OK && d->wipe.begun &&
        rove_read_state(d->replica, &state, &error) == ROVE_OK && !state.enrolled &&
        !state.locked) {
        over(d);
    }
    return 0;
}

int wipes_synced(device *d, rove_status status) {
    if (!wipes_under_way(d)) {
        return 0;
    }
    if (status == ROVE_WIPED && !d->machine.disk.off) {
        check_silent(d);
        check_gone(d);
    } else if (status == ROVE_OK && !d->wipe.ordered) {
        d->wipe.begun = 0; /* it had not come so far */
        return 0;
    } else if (status == ROVE_OK) {
        if (d->wipe.sure && !d->w->wipes[d->wipe.number].lost) {
            VIOLATED(d->w, "I17", "device %d is to wipe itself, and syncs", d->number);
        }
        d->wipe.ordered = 0; /* the order was never given, or is forgotten */
        return 0;
    } else if ((status == ROVE_REVOKED || status == ROVE_UNAUTHORIZED || status == ROVE_EXPIRED) &&
               (!d->wipe.ordered || d->w->wipes[d->wipe.number].lost ||
                (!d->wipe.sure && d->w->calm))) { /* the power went before the order was given */
        d->wipe.begun = d->wipe.ordered = 0;      /* it asked as one that is not being wiped */
        return 0;
    }
    stop(d);
    return 1;
}

/* ---- at the end ----------------------------------------------------------------------------------------- */

void wipes_restored(world *w) {
    for (size_t i = 0; i < w->wipe_count; i++) {
        w->wipes[i].lost = 1;
    }
}

typedef struct reading {
    world *w;
    const simulated_wipe *wipe;
} reading;

static rove_status check_receipt(void *ctx, rove__hq_tx *tx, rove_error *error) {
    reading *r = ctx;
    hq_order order;
    (void)error;
    rove_status status = hq_order_get(r->w->office.hq, tx, r->wipe->replica, &order);
    if (status != ROVE_OK || order.wiped_ms == 0) {
        VIOLATED(r->w, "I16", "device %u is wiped, and headquarters has no receipt: %s",
                 (unsigned)r->wipe->replica, rove_status_name(status));
    } else if (order.left > 0 || (r->wipe->counted && order.changes != r->wipe->changes)) {
        VIOLATED(r->w, "I16",
                 "device %u had %" PRIu64 " changes when it was wiped, and its receipt has %u, and "
                 "%u left",
                 (unsigned)r->wipe->replica, r->wipe->changes, order.changes, order.left);
    }
    r->w->counts->receipts++;
    return ROVE_OK;
}

void wipes_check(world *w) {
    for (size_t i = 0; i < w->wipe_count && !world_failed(w); i++) {
        reading r = {w, &w->wipes[i]};
        if (r.wipe->over && !r.wipe->lost &&
            office_read(&w->office, check_receipt, &r) != ROVE_OK) {
            VIOLATED(w, "I22", "receipts cannot be read");
        }
    }
    for (unsigned i = 0; i < w->plan->devices && !world_failed(w); i++) {
        if (wipes_under_way(&w->devices[i])) {
            VIOLATED(w, "I20", "device %u is not wiped yet", i);
        }
    }
}
