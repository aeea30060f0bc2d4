/*
 * drop/alone.c - see alone.h.
 */
#include "drop/alone.h"

#include "base/alloc.h"
#include "base/planted.h"
#include "base/stamp.h"
#include "base/text.h"
#include "orders.h"
#include "wire/proof.h"

#define ARENA_MAX ((size_t)4 * 1024 * 1024)

/* ---- keys ----------------------------------------------------------------------------------------------- */

static void note_key(char key[ROVE_NAME_MAX], int64_t number) {
    rove__text_format(key, ROVE_NAME_MAX, "note/%lld", (long long)number);
}

rove_status alone_note(hq *headquarters, rove__hq_tx *tx, int64_t number, rove__arena *arena,
                       rove__sealed_note *note) {
    char key[ROVE_NAME_MAX];
    rove__bytes value = {NULL, 0};

    note_key(key, number);
    rove_status status = hq_database(headquarters)->directory.setting_get(tx, key, arena, &value);
    if (status != ROVE_OK) {
        return status;
    }
    status = rove__sealed_note_read(note, value.data, value.size);
    return status == ROVE_OK ? ROVE_OK : ROVE_CORRUPT;
}

int64_t alone_written_ms(const rove__sealed_note *note, const char **suspect) {
    const rove__proof proof = {.anchor = note->anchor, .at = note->at};

    *suspect = rove__proof_suspect(&proof);
    return rove__proof_time_ms(&proof);
}

/* ---- notes ---------------------------------------------------------------------------------------------- */

/* *room: whether one more of the device's user may lie in review. */
static rove_status find_room(const rove__server_ports *ports, rove__hq_tx *tx,
                             const drop_record *record, int *room) {
    rove_id user = record->signer.user;
    rove__hq_device device;

    rove_status status = ports->store->device_get(tx, record->signer.replica, 0, &device);
    if (status == ROVE_OK) {
        user = device.user;
    }
    if (status != ROVE_OK && status != ROVE_NOT_FOUND) {
        return status;
    }
    return rove__judge_room(ports, tx, user, 1, room);
}

static void say_when(const rove__sealed_note *note, int64_t *written_ms,
                     char reason[ROVE_TEXT_MAX]) {
    const char *suspect = NULL;
    char when[ROVE_TIME_TEXT_SIZE];
    int64_t ms = alone_written_ms(note, &suspect);

    *written_ms = ms > 0 ? ms : 0;
    rove__time_format(*written_ms, when);
    rove__text_format(reason, ROVE_TEXT_MAX, "Written on a locked device, %s%s%s%s.", when,
                      suspect == NULL ? "" : " (", suspect == NULL ? "" : suspect,
                      suspect == NULL ? "" : ")");
}

/* What says of which note the entry in review is. */
static rove_status put_note(hq *headquarters, rove__hq_tx *tx, const drop_record *record,
                            int64_t number) {
    char key[ROVE_NAME_MAX];

    note_key(key, number);
    return hq_database(headquarters)->directory.setting_put(tx, key, record->content);
}

/* Only what reps seal is written without a look at the replica: visits and calls. */
static rove_status propose(hq *headquarters, const rove__server_ports *ports, rove__hq_tx *tx,
                           const drop_record *record, rove__arena *arena, int64_t *number,
                           rove_error *error) {
    const rove__sealed_note *note = &record->is.note;
    const rove__entity *entity = rove__registry_by_number(ports->registry, note->entity);
    rove__server_stats stats = {0};
    char reason[ROVE_TEXT_MAX];
    rove__row row;
    rove__proposal proposal = {.replica = note->replica,
                               .user = record->signer.user,
                               .row = &row,
                               .reason = reason,
                               .now_ms = hq_now_ms(headquarters)};

    if (entity->seal_field < 0) {
        return rove__error_set(error, ROVE_INVALID, "%s is not written on a locked device.",
                               entity->name);
    }
    rove_status status = rove__row_from_packed(&row, ports->registry, entity, note->row.data,
                                               note->row.size, arena, error);
    if (status != ROVE_OK) {
        return status;
    }
    say_when(note, &proposal.written_ms, reason);
    status = rove__judge_propose(ports, tx, &proposal, &stats, number, error);
    return status == ROVE_OK ? put_note(headquarters, tx, record, *number) : status;
}

/* *number 0: not now. */
static rove_status take_note(hq *headquarters, const rove__server_ports *ports, rove__hq_tx *tx,
                             const drop_record *record, int64_t *number, rove_error *error) {
    const rove__sealed_note *note = &record->is.note;
    rove__arena arena;
    int room = 0;

    rove_status status = find_room(ports, tx, record, &room);
    room &= rove__registry_by_number(ports->registry, note->entity) != NULL;
    if (status != ROVE_OK || !room) {
        return status;
    }
    rove__arena_init(&arena, ports->allocator, ARENA_MAX);
    status = propose(headquarters, ports, tx, record, &arena, number, error);
    rove__arena_free(&arena);
    return status;
}

/* ---- receipts ------------------------------------------------------------------------------------------- */

static uint32_t at_most(uint64_t number) {
    return number > UINT32_MAX ? UINT32_MAX : (uint32_t)number;
}

static rove_status take_receipt(hq *headquarters, rove__hq_tx *tx,
                                const rove__sealed_receipt *receipt) {
    hq_order_receipt done = {.replica = receipt->replica,
                             .kind = receipt->kind,
                             .batches = at_most(receipt->sealed_batches),
                             .changes = at_most(receipt->sealed_changes),
                             .left = at_most(receipt->records_left)};

    for (size_t i = 0; i < sizeof done.nonce; i++) {
        done.nonce[i] = receipt->nonce[i];
    }
    return hq_order_done(headquarters, tx, &done);
}

rove_status alone_take(hq *headquarters, const rove__server_ports *ports, rove__hq_tx *tx,
                       const drop_record *record, drop_answer *answer, rove_error *error) {
    const taken_key key = taken_key_of(record);
    int64_t number = 0;

    if (record->kind == ROVE_SEALED_RECEIPT && record->is.receipt.kind != ROVE_ORDER_WIPE) {
        /* A device that is only locked says so each time that it asks. */
        rove_status told = take_receipt(headquarters, tx, &record->is.receipt);
        *answer = told == ROVE_OK ? DROP_TAKEN : DROP_LATER;
        return told;
    }
    rove_status status = taken_find(headquarters, ports->allocator, tx, key, answer);
    if (status != ROVE_OK || (*answer != DROP_LATER && !ROVE_PLANTED(B02_TWICE))) {
        return status;
    }
    if (record->kind == ROVE_SEALED_NOTE) {
        status = take_note(headquarters, ports, tx, record, &number, error);
        if (status == ROVE_OK && number == 0) {
            return status;
        }
    } else {
        status = take_receipt(headquarters, tx, &record->is.receipt);
    }
    return status == ROVE_OK ? taken_put(headquarters, tx, key, number, answer) : status;
}
