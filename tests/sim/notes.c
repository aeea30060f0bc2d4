/*
 * sim/notes.c - what reps record while their devices are locked (rove/drop.h): each note is on its device until headquarters has it, and
 * comes to review once, whatever fails, is killed, comes again or goes back meanwhile. A note is known by its visit's purpose ("n3;").
 */
#include "world.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "drop/alone.h"
#include "rove/drop.h"

static simulated_note *note_new(world *w, uint32_t *number) {
    notes *n = &w->notes;
    n->count = n->count == 0 ? 1 : n->count;
    n->items = ledger_grow(n->items, n->count, &n->capacity, sizeof *n->items);
    *number = (uint32_t)n->count++;
    n->items[*number] = (simulated_note){.author = 0};
    return &n->items[*number];
}

static int in_trouble(const device *d) {
    return d->machine.disk.off || d->machine.disk.count.refused > 0;
}

void notes_record(device *d) {
    world *w = d->w;
    rove_error error = {0};
    uint32_t number = 0;
    char purpose[LEDGER_KEY_SIZE];
    uint8_t reference[ROVE_REFERENCE_SIZE];
    if (d->replica == NULL || d->user < 0 || !w->plan->notes || wipes_under_way(d)) {
        return;
    }
    simulated_note *note = note_new(w, &number);
    int no_memory = d->machine.fail_in > 0;
    note->author = d->number;
    ledger_text('n', number, purpose);
    const rove_field fields[] = {
        {"purpose", rove_text(purpose)},
        {"account_id", rove_int(w->office.accounts[number % WORLD_ACCOUNTS])},
        {"planned_start", rove_int(w->now_ms)}};
    rove_status status = rove_drop_record(d->replica, "Visit", fields, 3, reference, &error);
    note->done = status == ROVE_OK && !d->machine.disk.off;
    note->unsure = !note->done && in_trouble(d);
    w->counts->notes += (uint64_t)note->done;
    world_says(w, "device %d records n%u while it is locked: %s", d->number, number,
               rove_status_name(status));
    if (status != ROVE_OK && !in_trouble(d) && !(status == ROVE_NOMEM && no_memory)) {
        VIOLATED(w, "I15", "device %d is locked, and records nothing: %s: %s", d->number,
                 rove_status_name(status), error.message);
    }
    if (sim_disk_holds(&d->machine.disk, purpose, strlen(purpose))) {
        VIOLATED(w, "I10", "device %d has n%u in a file, to be read by anybody", d->number, number);
    }
}

void notes_leave(device *d) {
    notes *n = &d->w->notes;
    for (size_t i = 1; i < n->count; i++) {
        n->items[i].sent |= n->items[i].author == d->number;
    }
}

void notes_went_back(device *d, size_t first) {
    notes *n = &d->w->notes;
    for (size_t i = first > 0 ? first : 1; i < n->count; i++) {
        n->items[i].gone |= n->items[i].author == d->number;
    }
}

void notes_restored(world *w) {
    for (size_t i = 1; i < w->notes.count; i++) {
        w->notes.items[i].lost |= w->notes.items[i].sent;
    }
}

void notes_again(world *w, uint32_t number) {
    if (number != 0 && number < w->notes.count) {
        w->notes.items[number].again++;
    }
}

/* ---- at the end ----------------------------------------------------------------------------------------- */

uint32_t notes_number(const rove_value *value) {
    return value != NULL && value->type == ROVE_TEXT
               ? ledger_number('n', value->as.data, value->size)
               : 0;
}

void notes_forget_found(world *w) {
    for (size_t i = 1; i < w->notes.count; i++) {
        w->notes.items[i].judged = w->notes.items[i].reviewed = 0;
    }
}

void notes_found(world *w, uint32_t number, int reviewed) {
    if (number == 0 || number >= w->notes.count) {
        return;
    }
    w->notes.items[number].reviewed += (unsigned)reviewed;
    w->notes.items[number].judged += (unsigned)!reviewed;
}

typedef struct load {
    world *w;
    rove_id user;
    uint64_t open;
} load;

static rove_status count_open(void *ctx, rove__hq_tx *tx, rove_error *error) {
    load *l = ctx;
    (void)error;
    return hq_database(l->w->office.hq)->store.review_load(tx, l->user, &l->open);
}

/* What a batch of this device may bring, at most; a note brings one. */
static uint64_t most_of(const world *w, const device *d) {
    uint64_t most = 1;
    for (uint32_t i = 1; i < w->ledger.count; i++) {
        most += w->ledger.writes[i].author == d->number;
    }
    return most;
}

/* So much of the user's lies before an operator that the rest has to wait on his devices. */
static int has_no_room(world *w, const device *d) {
    load l = {.w = w, .user = d->user >= 0 ? w->office.users[d->user] : 0};
    return d->user >= 0 && office_read(&w->office, count_open, &l) == ROVE_OK && l.open > 0 &&
           l.open + most_of(w, d) > DROP_REVIEWS_MAX;
}

static rove_drop_state box_of(world *w, const device *d) {
    rove_drop_state state = {.size = sizeof state};
    rove_error error = {0};
    char folder[16];
    snprintf(folder, sizeof folder, "/%d", d->number + 2);
    rove_status status = rove_drop_read(&d->ports, folder, &state, &error);
    if (status != ROVE_OK) {
        VIOLATED(w, "I20", "the drop box of device %d: %s", d->number, rove_status_name(status));
    }
    return state;
}

int notes_put_off(device *d) {
    return box_of(d->w, d).waiting > 0 && has_no_room(d->w, d);
}

static int waits(world *w, const simulated_note *note) {
    return notes_put_off(&w->devices[note->author]);
}

static void check_note(world *w, uint32_t number) {
    const simulated_note *note = &w->notes.items[number];
    if (note->done && !note->gone && !note->lost && note->reviewed + note->judged == 0 &&
        !waits(w, note)) {
        VIOLATED(w, "I2", "note n%u of device %d is nowhere", number, note->author);
    }
    if (!note->done && !note->unsure && note->reviewed + note->judged > 0) {
        VIOLATED(w, "I3", "note n%u had failed, and is at headquarters", number);
    }
    /* What was returned stays in the queue beside what its rep made of it; a restore forgets that it was returned. */
    unsigned entries = 1 + note->again;
    unsigned records = w->office.restored ? entries : 1;
    if (note->reviewed > entries || note->judged > records) {
        VIOLATED(w, "I3", "note n%u is in review %u times, and counts %u times; done again: %u",
                 number, note->reviewed, note->judged, note->again);
    }
    if (note->judged > 0 && !w->office.accepted && !w->office.returned) {
        VIOLATED(w, "I11", "note n%u counts, and nobody accepted it", number);
    }
}

/* All was sent in peace, and honest devices are refused nothing. */
static void check_box(world *w, const device *d) {
    rove_drop_state state = box_of(w, d);
    if (state.refused > 0 || (state.waiting > 0 && !has_no_room(w, d))) {
        VIOLATED(w, "I20", "the drop box of device %d: %" PRIu64 " wait, %" PRIu64 " are refused",
                 d->number, state.waiting, state.refused);
    }
}

void notes_check(world *w) {
    for (uint32_t i = 1; i < w->notes.count && !world_failed(w); i++) {
        check_note(w, i);
    }
    for (unsigned i = 0; i < w->plan->devices && !world_failed(w); i++) {
        check_box(w, &w->devices[i]);
    }
}
