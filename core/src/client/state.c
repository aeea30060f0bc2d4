/*
 * client/state.c - how the replica is doing.
 */
#include <string.h>

#include "client/drop_post.h"

static void add_handle(rove *replica, rove_state *state) {
    rove__mutex_enter(replica->mutex);
    state->url = replica->url;
    state->enrolled = replica->credentials != NULL;
    state->certificate_until_ms =
        replica->credentials != NULL ? replica->credentials->identity.until_ms : 0;
    state->next_sync_ms = replica->next_sync_ms;
    rove__mutex_leave(replica->mutex);
}

static rove_status add_drop(rove *replica, rove_state *state, rove_error *error) {
    rove_drop_state drop = {.size = sizeof drop};
    rove_error detail = {.message = ""};
    rove_status status = rove__drop_count(&replica->ports, replica->folder, &drop, &detail);

    state->dropped = drop.waiting;
    state->dropped_since_ms = drop.oldest_ms;
    state->drop_refused = drop.refused;
    state->drop_kept = drop.kept;
    /* Of one that is too big says so who sends it, or puts more in. */
    return status == ROVE_TOO_BIG ? ROVE_OK : rove__client_said(status, &detail, error);
}

rove_status rove_read_state(rove *replica, rove_state *out, rove_error *error) {
    rove__store_state store;
    rove_clock_reading reading;

    if (replica == NULL || out == NULL || out->size == 0) {
        return rove__client_invalid(error, "A state takes a replica and its own size.");
    }
    size_t size = out->size < sizeof *out ? out->size : sizeof *out;
    rove_status status = rove__client_check(replica, error);
    if (status != ROVE_LOCKED && status != ROVE_WIPED) {
        status = rove__store_read_state(replica->store, &store, error);
    }
    int locked = status == ROVE_LOCKED;
    if (locked) {
        memset(&store, 0, sizeof store);
        rove__store_read_owner(replica->store, &store.owner);
    } else if (status != ROVE_OK) {
        return status;
    }
    rove_state state = {.size = out->size,
                        .replica = store.owner.replica,
                        .user = store.owner.user,
                        .seq = store.cursor.seq,
                        .catching_up = store.catching_up,
                        .verified_ms = store.verified_ms,
                        .contact_ms = store.contact_ms,
                        .records = store.rows,
                        .scopes = store.scopes,
                        .pending = store.pending_rows,
                        .quarantined = store.quarantined + store.unknown_rows,
                        .rejections = store.rejections + store.returned,
                        .conflicts = store.conflicts,
                        .in_review = store.in_review,
                        .disk_bytes = store.disk_bytes,
                        .remains = store.remains,
                        .differing = store.differing,
                        .former_batches = store.former_batches,
                        .encrypted = rove__store_is_sealed(replica->store),
                        .locked = locked};
    add_handle(replica, &state);
    status = add_drop(replica, &state, error);
    if (status != ROVE_OK) {
        return status;
    }
    state.now_ms = rove__store_now_ms(replica->store, &state.clock_trusted);
    replica->ports.clock.read(replica->ports.clock.ctx, &reading);
    state.lease_until_ms = rove__store_lease_until(replica->store, state.now_ms);
    state.clock_offset_ms = state.now_ms - reading.wall_ms;
    memcpy(out, &state, size);
    return ROVE_OK;
}

int64_t rove_now_ms(rove *replica) {
    return replica != NULL ? rove__store_now_ms(replica->store, NULL) : 0;
}

rove_status rove_verify(rove *replica, uint64_t *records, rove_error *error) {
    uint64_t ignored = 0;

    if (replica == NULL) {
        return rove__client_invalid(error, "There is no replica.");
    }
    rove_error detail = {.message = ""};
    rove_status status =
        rove__store_verify(replica->store, records != NULL ? records : &ignored, &detail);
    return rove__client_said(status, &detail, error);
}

rove_status rove_tidy(rove *replica, rove_error *error) {
    if (replica == NULL) {
        return rove__client_invalid(error, "There is no replica.");
    }
    rove_status status = rove__client_take(replica, error);
    if (status != ROVE_OK) {
        return status;
    }
    rove_error detail = {.message = ""};
    status = rove__client_check(replica, &detail);
    if (status == ROVE_OK) {
        status = rove__store_tidy(replica->store, &detail);
    }
    rove__client_close_idle(replica); /* with what they have read */
    status = rove__client_said(status, &detail, error);
    rove__client_give(replica);
    return status;
}
