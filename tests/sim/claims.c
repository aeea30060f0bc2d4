/*
 * sim/claims.c - what a device says of itself, against what the simulation knows: that it has all, that its files never went
 * back.
 */
#include "world.h"

#define LOOK_EVERY 16 /* syncs, while something goes wrong */

static int state_of(device *d, rove_state *state) {
    rove_error error = {0};
    *state = (rove_state){.size = sizeof *state};
    return d->replica != NULL && rove_read_state(d->replica, state, &error) == ROVE_OK &&
           !state->locked;
}

/* ---- that it has all (I7) ------------------------------------------------------------------------------- */

static rove_status read_head(void *ctx, rove__hq_tx *tx, rove_error *error) {
    world *w = ctx;
    rove__hq_head head;
    (void)error;
    rove_status status = hq_database(w->office.hq)->store.head_get(tx, &head);
    w->office.head = head.seq;
    return status;
}

/* Nothing fails on it, or is about to. */
static int is_well(const sim_machine *m) {
    const sim_disk *disk = &m->disk;
    return !disk->off && !disk->full && disk->count.refused == 0 && disk->cut_in == 0 &&
           disk->full_in == 0 && disk->fail_in == 0 && m->fail_in == 0;
}

/* 1: it says that it is complete as of headquarters' head, and nothing speaks against comparing it. */
static int claims_all(device *d) {
    world *w = d->w;
    rove_state state;
    if (w->office.hq == NULL || w->office.restored || w->copied || d->wanted >= 0 ||
        !state_of(d, &state) || !state.enrolled || state.catching_up || state.seq == 0 ||
        state.pending > 0 || state.former_batches > 0 || state.quarantined > 0) {
        return 0;
    }
    if (office_read(&w->office, read_head, w) != ROVE_OK || w->office.head != state.seq) {
        return 0;
    }
    return is_well(&d->machine) && is_well(&w->office.machine);
}

int claims_deleted(const device *d, uint32_t record) {
    const ledger *l = &d->w->ledger;
    const ledger_write *insert = &l->writes[l->records[record].insert];
    if (!d->failed || l->records[record].insert == 0 || insert->author != d->number) {
        return 0;
    }
    for (uint32_t i = l->records[record].insert; i < l->count; i++) {
        if (l->writes[i].record == record && l->writes[i].what == LEDGER_DELETE &&
            l->writes[i].author != d->number) {
            return 1;
        }
    }
    return 0;
}

static void look(device *d) {
    if (claims_all(d)) {
        d->w->counts->claims++;
        check_shown(d->w, d);
        if (world_failed(d->w)) {
            world_says(d->w, "and it says that it is complete");
        }
    }
}

void claims_ask(device *d) {
    d->asked++;
    if (d->requests++ > 0 && (d->w->calm ? d->w->round < 2 : d->syncs % LOOK_EVERY == 0)) {
        look(d);
    }
}

/* ---- that its files never went back (P3) ---------------------------------------------------------------- */

void claims_forked(world *w, rove_replica replica) {
    w->counts->forks++;
    if (!w->copied && !w->office.restored) {
        VIOLATED(w, "P3", "device %u is taken for a copy, and there is none", (unsigned)replica);
    }
}

void claims_copied(device *d) {
    d->image_known_as = d->known_as;
    d->image_acked = d->acked;
}

void claims_restored(device *d) {
    if (d->known_as != 0 && d->known_as == d->image_known_as && d->confirmed > d->image_acked) {
        d->rolled = d->known_as;
    }
    d->acked = d->confirmed = d->image_acked;
    d->seq = 0;
    d->whole = 1;
    d->known_as = d->image_known_as;
}

static void know_number(device *d, rove_replica replica) {
    if (replica != d->known_as) {
        d->known_as = replica;
        d->acked = d->confirmed = 0;
    }
}

/* Something that was there on the first day. */
static int shows_any(device *d) {
    for (uint32_t record = 1; record <= 3 * WORLD_ACCOUNTS; record++) {
        if (device_find(d, record) != 0) {
            return 1;
        }
    }
    return 0;
}

static int is_whole(const rove_state *state) {
    return state->seq != 0 && !state->catching_up;
}

void claims_opened(device *d, const rove_state *state) {
    d->whole |= state->enrolled && is_whole(state);
}

void claims_synced(device *d, rove_status status, const rove_sync_report *report) {
    rove_state state;
    if (!state_of(d, &state) || !state.enrolled) {
        return;
    }
    if (!d->whole && state.seq == 0 && !state.catching_up && shows_any(d)) {
        VIOLATED(d->w, "I7", "device %d has a part of its first download, and does not say so",
                 d->number);
    }
    d->whole |= status == ROVE_OK || is_whole(&state); /* all came, and it ended badly then */
    if (status != ROVE_OK) {
        return;
    }
    if (d->rolled != 0 && d->rolled == state.replica && !d->w->office.restored) {
        VIOLATED(d->w, "P3",
                 "device %d went back behind what it had confirmed, and still is number %u",
                 d->number, (unsigned)state.replica);
    }
    d->rolled = 0;
    if (state.seq < d->seq && !d->w->office.restored) {
        VIOLATED(d->w, "I6", "device %d stood at %llu, and stands at %llu after a sync", d->number,
                 (unsigned long long)d->seq, (unsigned long long)state.seq);
    }
    d->seq = state.seq;
    know_number(d, state.replica);
    d->confirmed = d->acked;
    d->acked += report->rows_pushed > 0;
    if (d->w->calm ? d->w->round < 2 : d->syncs % LOOK_EVERY == 0) {
        look(d);
    }
}
