/*
 * sim/late.c - what comes to headquarters beside the requests that devices make now: old requests once more; such as were given
 * up and come late, when others have come in between; such as no device made. And a store that now and then says LATER, as
 * a database does that could not order what several servers did at once.
 */
#include "world.h"

#include <stdlib.h>
#include <string.h>

#include "posix/posix.h"
#include "wire/frame.h"
#include "wire/message.h"

#define BODY_MAX ((size_t)64 * 1024 * 1024)

/* ---- requests that come again --------------------------------------------------------------------------- */

static rove_status answer_all(office *o, session *s) {
    uint8_t bytes[4096];
    size_t size = 1;
    int again = 1;
    rove_status status = ROVE_OK;
    while (status == ROVE_OK && again) {
        status = office_commit(o, s, &again);
    }
    while (status == ROVE_OK && size > 0) {
        status = office_answer(o, s, bytes, sizeof bytes, &size);
    }
    return status;
}

/* A whole request, whose answer nobody hears. */
static rove_status tell(office *o, rove_replica replica, const void *bytes, size_t size) {
    session s = {.replica = replica};
    rove__server_ports ports = hq_server_ports(o->hq);
    rove_status status =
        rove__server_new(&ports, hq_policy(o->hq), replica, hq_now_ms(o->hq), &s.server);
    if (status != ROVE_OK) {
        return status;
    }
    s.next = o->sessions;
    o->sessions = &s;
    status = office_receive(o, &s, bytes, size);
    status = status == ROVE_OK ? office_received(o, &s) : status;
    status = status == ROVE_OK ? answer_all(o, &s) : status;
    for (session **at = &o->sessions; *at != NULL; at = &(*at)->next) {
        if (*at == &s) {
            *at = s.next;
            break;
        }
    }
    rove__server_free(s.server);
    return status;
}

/* What was brought to the drop box comes once more; nobody hears what is said to it. */
static void drop_again(office *o) {
    rove_allocator nobodys;
    rove__buf answer;
    rove_posix_allocator(&nobodys);
    rove__buf_init(&answer, &nobodys, DROP_RECORDS_MAX);
    rove_status status = office_drop(o, o->dropped, o->dropped_size, &answer);
    rove__buf_free(&answer);
    o->w->counts->notes_twice++;
    world_says(o->w, "what was in a drop box comes again: %s", rove_status_name(status));
}

void late_replay(office *o, sim_dice *dice) {
    if (o->dropped != NULL && sim_chance(dice, 500)) {
        drop_again(o);
        return;
    }
    size_t kept = o->replay_count < OFFICE_REPLAYS ? o->replay_count : OFFICE_REPLAYS;
    if (kept > 0) {
        size_t at = (size_t)sim_below(dice, kept);
        rove_replica replica = o->replays[at].replica;
        rove_status status = tell(o, replica, o->replays[at].bytes, o->replays[at].size);
        o->w->counts->replays++;
        world_says(o->w, "a request of %u comes again: %s", (unsigned)replica,
                   rove_status_name(status));
    }
}

/* ---- requests that come late ---------------------------------------------------------------------------- */

int late_keep(office *o, session *s) {
    for (size_t i = 0; i < OFFICE_LATE; i++) {
        if (o->late[i] == NULL) {
            o->late[i] = s;
            return 1;
        }
    }
    return 0;
}

static void come(office *o, size_t at) {
    session *s = o->late[at];
    o->late[at] = NULL;
    rove_replica replica = s->replica;
    rove_status status = s->server == NULL ? ROVE_NETWORK : answer_all(o, s);
    office_close(o, s);
    o->w->counts->late++;
    world_says(o->w, "a request of %u is judged late: %s", (unsigned)replica,
               rove_status_name(status));
}

int late_come(office *o) {
    for (size_t i = 0; i < OFFICE_LATE; i++) {
        if (o->late[i] != NULL) {
            come(o, i);
            return 1;
        }
    }
    return 0;
}

void late_end(office *o) {
    for (size_t i = 0; i < OFFICE_LATE; i++) {
        if (o->late[i] != NULL) {
            office_close(o, o->late[i]);
            o->late[i] = NULL;
        }
    }
}

/* ---- requests that no device made ----------------------------------------------------------------------- */

/* The same request, with all its batches one number later, or as if they followed others. *any: it has batches. */
static rove_status forge(const rove_allocator *allocator, const rove__buf *body, int gap,
                         rove__buf *out, int *any) {
    rove__frame_reader *reader = NULL;
    rove__frame_writer *writer = NULL;
    rove__frame frame;
    rove__push push;
    int sealed = 0;
    rove__arena arena;
    rove__buf payload;
    rove__arena_init(&arena, allocator, BODY_MAX);
    rove__buf_init(&payload, allocator, ROVE_FRAME_MAX);
    rove_status status = rove__frame_reader_new(allocator, &reader);
    if (status == ROVE_OK) {
        status = rove__frame_writer_new(allocator, ROVE_FRAME_REQUEST_WINDOW_LOG, &writer);
    }
    if (status == ROVE_OK) {
        status = rove__frame_reader_feed(reader, body->data, body->size);
    }
    while (status == ROVE_OK && (status = rove__frame_reader_next(reader, &frame)) == ROVE_OK) {
        rove__buf_reset(&payload);
        sealed |= frame.type == ROVE_FRAME_SEALED;
        if (frame.type == ROVE_FRAME_PUSH) {
            *any = 1;
            status = rove__push_read(&push, frame.payload, frame.size, &arena);
            push.number += (uint64_t)gap;
            push.previous.hash[0] ^= gap ? 0 : 1;
            status = status == ROVE_OK ? rove__push_write(&push, &payload) : status;
        } else {
            rove__buf_append(&payload, frame.payload, frame.size);
            status = rove__buf_status(&payload);
        }
        if (status == ROVE_OK) {
            status = rove__frame_write(writer, frame.type, payload.data, payload.size, out);
        }
    }
    if (status == ROVE_DONE) {
        status = rove__frame_write_end(writer, out);
    }
    *any = *any && !sealed; /* those follow one another, and count */
    rove__frame_reader_free(reader);
    rove__frame_writer_free(writer);
    rove__buf_free(&payload);
    rove__arena_free(&arena);
    return status;
}

typedef struct look {
    office *o;
    rove_replica replica;
    rove__hq_device device;
} look;

static rove_status look_up(void *ctx, rove__hq_tx *tx, rove_error *error) {
    look *l = ctx;
    (void)error;
    return hq_database(l->o->hq)->store.device_get(tx, l->replica, 0, &l->device);
}

void late_forge(device *d, const rove__buf *body, rove_replica replica, int gap) {
    office *o = &d->w->office;
    rove_allocator allocator = sim_machine_allocator(&d->machine);
    look before = {.o = o, .replica = replica};
    look after = before;
    rove__buf forged;
    int any = 0;
    rove__buf_init(&forged, &allocator, BODY_MAX);
    if (o->hq != NULL && forge(&allocator, body, gap, &forged, &any) == ROVE_OK && any &&
        office_read(o, look_up, &before) == ROVE_OK) {
        rove_status status = tell(o, replica, forged.data, forged.size);
        d->w->counts->forged++;
        world_says(d->w, "a batch of %u that %s: %s", (unsigned)replica,
                   gap ? "leaves out one" : "follows another", rove_status_name(status));
        if (o->hq != NULL && office_read(o, look_up, &after) == ROVE_OK &&
            after.device.last_batch != before.device.last_batch) {
            VIOLATED(d->w, "I5", "a batch of device %u was judged that does not follow batch %llu",
                     (unsigned)replica, (unsigned long long)before.device.last_batch);
        }
    }
    rove__buf_free(&forged);
}

/* ---- a store that says LATER ---------------------------------------------------------------------------- */

static rove__hq_store flaky;
static const rove__hq_store *sound;
static uint64_t later_in; /* calls that write; 0: never */

static int is_later(void) {
    return later_in > 0 && --later_in == 0;
}

static rove_status row_put(rove__hq_tx *tx, const rove__hq_row *row) {
    return is_later() ? ROVE_LATER : sound->row_put(tx, row);
}

static rove_status history_put(rove__hq_tx *tx, const rove__hq_history *history) {
    return is_later() ? ROVE_LATER : sound->history_put(tx, history);
}

static rove_status batch_put(rove__hq_tx *tx, const rove__hq_batch *batch) {
    return is_later() ? ROVE_LATER : sound->batch_put(tx, batch);
}

const rove__hq_store *late_store(const rove__hq_store *store) {
    sound = store;
    flaky = *store;
    flaky.row_put = row_put;
    flaky.history_put = history_put;
    flaky.batch_put = batch_put;
    return &flaky;
}

void late_fails_in(uint64_t calls) {
    later_in = calls;
}
