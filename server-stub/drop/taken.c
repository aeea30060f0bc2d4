/*
 * drop/taken.c - see taken.h.
 */
#include "drop/taken.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/reader.h"
#include "base/text.h"
#include "wire/order.h"

#define ARENA_MAX ((size_t)64 * 1024)

ROVE_STATIC_ASSERT(ROVE_ORDER_NONCE_SIZE == ROVE_REFERENCE_SIZE &&
                       ROVE_SHA256_SIZE >= ROVE_REFERENCE_SIZE,
                   "every record has a name");

taken_key taken_key_of(const drop_record *record) {
    switch (record->kind) {
    case ROVE_SEALED_BATCH:
        return (taken_key){record->is.frame.batch.replica, record->is.frame.batch.hash.hash};
    case ROVE_SEALED_NOTE:
        return (taken_key){record->is.note.replica, record->is.note.reference};
    default:
        return (taken_key){record->is.receipt.replica, record->is.receipt.nonce};
    }
}

static void write_key(taken_key key, char text[ROVE_NAME_MAX]) {
    char hex[2 * ROVE_REFERENCE_SIZE + 1];

    rove__text_hex(key.name, ROVE_REFERENCE_SIZE, hex);
    rove__text_format(text, ROVE_NAME_MAX, "dropped/%u/%s", (unsigned)key.replica, hex);
}

/* Where no backups are made nothing has to wait for one. */
static drop_answer answer_of(const rove__hq_head *head, uint64_t seq) {
    return head->safe == 0 || seq <= head->safe ? DROP_TAKEN : DROP_KEPT;
}

rove_status taken_find(hq *headquarters, const rove_allocator *allocator, rove__hq_tx *tx,
                       taken_key key, drop_answer *answer) {
    const rove__hq_database *database = hq_database(headquarters);
    rove__bytes value = {NULL, 0};
    char text[ROVE_NAME_MAX];
    rove__hq_head head;
    rove__reader reader;
    rove__arena arena;

    *answer = DROP_LATER;
    write_key(key, text);
    rove__arena_init(&arena, allocator, ARENA_MAX);
    rove_status status = database->directory.setting_get(tx, text, &arena, &value);
    if (status == ROVE_OK) {
        status = database->store.head_get(tx, &head);
    }
    if (status == ROVE_OK) {
        rove__reader_init(&reader, value.data, value.size);
        (void)rove__reader_u64(&reader);
        *answer = answer_of(&head, rove__reader_left(&reader) > 0 ? rove__reader_u64(&reader) : 0);
    }
    rove__arena_free(&arena);
    return status == ROVE_NOT_FOUND ? ROVE_OK : status;
}

rove_status taken_put(hq *headquarters, rove__hq_tx *tx, taken_key key, int64_t number,
                      drop_answer *answer) {
    const rove__hq_database *database = hq_database(headquarters);
    uint8_t value[2 * sizeof(uint64_t)];
    char text[ROVE_NAME_MAX];
    rove__hq_head head;

    *answer = DROP_LATER;
    write_key(key, text);
    rove_status status = database->store.head_get(tx, &head);
    if (status == ROVE_OK) {
        size_t size = rove__u64_put(value, (uint64_t)number);
        size += rove__u64_put(value + size, head.seq);
        status = database->directory.setting_put(tx, text, (rove__bytes){value, size});
    }
    if (status == ROVE_OK) {
        *answer = answer_of(&head, head.seq);
    }
    return status;
}
