/*
 * store/entries.c - entries of pending work in the table _outbox, the chain of a row's entries, and changes kept
 * as bytes beside them.
 *
 * Invariant: an entry's `previous` is smaller than its seq, so a chain ends.
 */
#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "store/internal.h"
#include "wire/batch.h"

static rove_status damaged(rove_error *error, rove_status status) {
    return status != ROVE_CORRUPT
               ? status
               : rove__error_set(error, status,
                                 "An entry of the outbox is damaged. Keep a copy of "
                                 "the folder for support.");
}

rove_status rove__entry_from(sqlite3_stmt *statement, rove__arena *arena, rove__entry *entry,
                             rove_error *error) {
    rove_value body = rove__column_value(statement, 7);

    memset(entry, 0, sizeof *entry);
    entry->seq = sqlite3_column_int64(statement, 0);
    entry->entity = (uint32_t)sqlite3_column_int64(statement, 1);
    entry->row = sqlite3_column_int64(statement, 2);
    entry->previous = sqlite3_column_int64(statement, 3);
    entry->batch = (uint64_t)sqlite3_column_int64(statement, 4);
    entry->first_tx = (uint64_t)sqlite3_column_int64(statement, 5);
    entry->last_tx = (uint64_t)sqlite3_column_int64(statement, 6);
    if (body.type != ROVE_BLOB || body.size == 0 || entry->previous >= entry->seq) {
        return damaged(error, ROVE_CORRUPT);
    }
    const void *bytes =
        body.as.data != NULL ? rove__arena_copy(arena, body.as.data, body.size) : NULL;
    if (bytes == NULL) {
        return ROVE_NOMEM;
    }
    return damaged(error, rove__entry_read(entry, bytes, body.size, arena));
}

rove_status rove__entry_load(rove__store *store, int64_t seq, rove__arena *arena,
                             rove__entry *entry, rove_error *error) {
    sqlite3_stmt *statement = NULL;
    rove_status status = rove__store_statement(store, ROVE_SQL_OUTBOX_GET, &statement, error);

    if (status != ROVE_OK) {
        return status;
    }
    sqlite3_bind_int64(statement, 1, seq);
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        status = rove__entry_from(statement, arena, entry, error);
    } else if (code == SQLITE_DONE) {
        status = damaged(error, ROVE_CORRUPT);
    } else {
        status = rove__sqlite_status(store->db, code, error, "Reading the outbox");
    }
    sqlite3_reset(statement);
    return status;
}

/* ---- chains ---- */

/* The chain of `newest`, newest first, in an array that grows in the arena. */
static rove_status collect(rove__store *store, int64_t newest, rove__arena *arena,
                           rove__entry **entries, size_t *count, rove_error *error) {
    size_t capacity = 0;
    rove_status status = ROVE_OK;

    *count = 0;
    *entries = NULL;
    for (int64_t seq = newest; seq != 0 && status == ROVE_OK;
         seq = (*entries)[*count - 1].previous) {
        *entries = rove__arena_grown(arena, *entries, *count, &capacity, sizeof **entries);
        if (*entries == NULL) {
            return ROVE_NOMEM;
        }
        status = rove__entry_load(store, seq, arena, &(*entries)[*count], error);
        *count += 1;
    }
    return status;
}

static void reverse(rove__entry *entries, size_t count) {
    for (size_t i = 0; i < count / 2; i++) {
        rove__entry swap = entries[i];
        entries[i] = entries[count - 1 - i];
        entries[count - 1 - i] = swap;
    }
}

static int lacks_pending(const rove__entry *entry) {
    for (size_t i = 0; i < entry->count; i++) {
        if (!entry->cells[i].has_pending) {
            return 1;
        }
    }
    return 0;
}

/* What an entry that is not frozen leaves to the typed columns. */
static rove_status fill_pending(rove__entry *entry, const rove__row *shown, rove_error *error) {
    for (size_t i = 0; i < entry->count; i++) {
        rove__pending_cell *cell = &entry->cells[i];
        if (!cell->has_pending) {
            int ordinal = rove__row_field(shown, cell->field);
            if (ordinal < 0 || entry->batch != 0) {
                return damaged(error, ROVE_CORRUPT);
            }
            cell->pending = shown->cells[ordinal];
            cell->has_pending = 1;
        }
    }
    return ROVE_OK;
}

static rove_status chain(rove__store *store, int64_t newest, const rove__stored *stored,
                         rove__arena *arena, rove__entry **entries, size_t *count,
                         rove_error *error) {
    rove_status status = collect(store, newest, arena, entries, count, error);

    if (status != ROVE_OK || *count == 0) {
        return status;
    }
    reverse(*entries, *count);
    rove__entry *last = &(*entries)[*count - 1];
    if (!lacks_pending(last)) {
        return ROVE_OK;
    }
    return stored != NULL ? fill_pending(last, &stored->row, error) : damaged(error, ROVE_CORRUPT);
}

rove_status rove__entry_chain(rove__store *store, int64_t newest, rove__arena *arena,
                              rove__entry **entries, size_t *count, rove_error *error) {
    return chain(store, newest, NULL, arena, entries, count, error);
}

rove_status rove__entry_chain_of(rove__store *store, const rove__stored *stored, rove__arena *arena,
                                 rove__entry **entries, size_t *count, rove_error *error) {
    return chain(store, stored->pending, stored, arena, entries, count, error);
}

/* ---- writing ---- */

static int kept_in_column(const rove__entity *entity, uint32_t field) {
    int ordinal = entity != NULL ? rove__entity_field(entity, field) : -1;
    if (ordinal < 0) {
        return 0;
    }
    rove__kind kind = entity->fields[ordinal].kind;
    return kind == ROVE_KIND_REGISTER || kind == ROVE_KIND_RANK;
}

/* The body into the handle's scratch buffer. */
static rove_status encode(rove__store *store, const rove__entry *entry) {
    rove__entry written = *entry;

    if (entry->batch == 0 && entry->count > 0) {
        const rove__entity *entity = rove__registry_by_number(store->registry, entry->entity);
        written.cells =
            rove__arena_copy(&store->row_arena, entry->cells, entry->count * sizeof *entry->cells);
        if (written.cells == NULL) {
            return ROVE_NOMEM;
        }
        for (size_t i = 0; i < entry->count; i++) {
            if (kept_in_column(entity, entry->cells[i].field)) {
                written.cells[i].has_pending = 0;
            }
        }
    }
    rove__buf_reset(&store->scratch);
    rove__entry_write(&store->scratch, &written);
    return rove__buf_status(&store->scratch);
}

rove_status rove__entry_save(rove__store *store, rove__entry *entry, rove_error *error) {
    sqlite3_stmt *statement = NULL;
    rove_status status = rove__store_statement(
        store, entry->seq == 0 ? ROVE_SQL_OUTBOX_INSERT : ROVE_SQL_OUTBOX_UPDATE, &statement,
        error);

    if (status == ROVE_OK) {
        status = encode(store, entry);
    }
    if (status != ROVE_OK) {
        return status;
    }
    if (entry->seq != 0) {
        sqlite3_bind_int64(statement, 1, entry->seq);
    }
    sqlite3_bind_int64(statement, 2, entry->entity);
    sqlite3_bind_int64(statement, 3, entry->row);
    if (entry->previous != 0) {
        sqlite3_bind_int64(statement, 4, entry->previous);
    }
    if (entry->batch != 0) {
        sqlite3_bind_int64(statement, 5, (sqlite3_int64)entry->batch);
    }
    sqlite3_bind_int64(statement, 6, (sqlite3_int64)entry->first_tx);
    sqlite3_bind_int64(statement, 7, (sqlite3_int64)entry->last_tx);
    sqlite3_bind_blob64(statement, 8, store->scratch.data, store->scratch.size, SQLITE_STATIC);
    status = rove__store_run(store, statement, error, "Writing the outbox");
    if (status == ROVE_OK && entry->seq == 0) {
        entry->seq = sqlite3_last_insert_rowid(store->db);
        ROVE_ASSERT(entry->previous < entry->seq);
    }
    return status;
}

rove_status rove__entry_touch(rove__store *store, int64_t seq, uint64_t tx, rove_error *error) {
    sqlite3_stmt *statement = NULL;
    rove_status status = rove__store_statement(store, ROVE_SQL_OUTBOX_TOUCH, &statement, error);

    if (status == ROVE_OK) {
        sqlite3_bind_int64(statement, 1, seq);
        sqlite3_bind_int64(statement, 2, (sqlite3_int64)tx);
        status = rove__store_run(store, statement, error, "Writing the outbox");
    }
    return status;
}

rove_status rove__entry_remove(rove__store *store, int64_t seq, rove_error *error) {
    sqlite3_stmt *statement = NULL;
    rove_status status = rove__store_statement(store, ROVE_SQL_OUTBOX_DELETE, &statement, error);

    if (status == ROVE_OK) {
        sqlite3_bind_int64(statement, 1, seq);
        status = rove__store_run(store, statement, error, "Writing the outbox");
    }
    return status;
}

/* ---- rows that a pending delete holds ---- */

rove_status rove__deleted_entry(rove__store *store, uint32_t entity, rove_id id, int64_t *seq,
                                rove_error *error) {
    sqlite3_stmt *statement = NULL;
    rove_status status = rove__store_statement(store, ROVE_SQL_DELETED_GET, &statement, error);

    *seq = 0;
    if (status != ROVE_OK) {
        return status;
    }
    sqlite3_bind_int64(statement, 1, entity);
    sqlite3_bind_int64(statement, 2, id);
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        *seq = sqlite3_column_int64(statement, 0);
    } else if (code == SQLITE_DONE) {
        status = ROVE_NOT_FOUND;
    } else {
        status = rove__sqlite_status(store->db, code, error, "Reading the deleted rows");
    }
    sqlite3_reset(statement);
    return status;
}

rove_status rove__deleted_put(rove__store *store, uint32_t entity, rove_id id, int64_t seq,
                              rove_error *error) {
    sqlite3_stmt *statement = NULL;
    rove_status status = rove__store_statement(
        store, seq != 0 ? ROVE_SQL_DELETED_PUT : ROVE_SQL_DELETED_DROP, &statement, error);

    if (status == ROVE_OK) {
        sqlite3_bind_int64(statement, 1, entity);
        sqlite3_bind_int64(statement, 2, id);
        if (seq != 0) {
            sqlite3_bind_int64(statement, 3, seq);
        }
        status = rove__store_run(store, statement, error, "Writing the deleted rows");
    }
    return status;
}

/* ---- changes as bytes ---- */

rove_status rove__change_pack(rove__store *store, const rove__change *change, rove__arena *arena,
                              rove__bytes *bytes) {
    rove__batch_writer *writer = NULL;

    bytes->data = NULL;
    bytes->size = 0;
    rove_status status = rove__batch_writer_new(store->ports.allocator, ROVE_BATCH_MAX, &writer);
    if (status == ROVE_OK) {
        status = rove__batch_add(writer, change);
    }
    if (status == ROVE_OK) {
        rove__buf_reset(&store->scratch);
        status = rove__batch_finish(writer, &store->scratch);
    }
    if (status == ROVE_OK) {
        bytes->data = rove__arena_copy(arena, store->scratch.data, store->scratch.size);
        bytes->size = store->scratch.size;
        status = bytes->data != NULL ? ROVE_OK : ROVE_NOMEM;
    }
    rove__batch_writer_free(writer);
    return status;
}

rove_status rove__change_unpack(rove__store *store, const void *bytes, size_t size,
                                rove__arena *arena, rove__change *change, rove_error *error) {
    rove__batch_reader *reader = NULL;
    rove__change read;

    rove_status status =
        rove__batch_reader_new(store->ports.allocator, store->registry, bytes, size, &reader);
    if (status == ROVE_OK) {
        status = rove__batch_next(reader, &read);
    }
    if (status == ROVE_OK) {
        status = rove__change_copy(change, &read, arena);
    } else if (status != ROVE_NOMEM) {
        status = damaged(error, ROVE_CORRUPT);
    }
    rove__batch_reader_free(reader);
    return status;
}

/* What a seal would have signed is the whole record, and not the rep's own work: only what he wrote is noted. */
static rove__change own_work(const rove__change *change) {
    rove__change own = *change;

    if (change->op == ROVE_OP_SEAL) {
        own.op = ROVE_OP_UPDATE;
        memset(&own.row.present, 0, sizeof own.row.present);
        for (size_t i = 0; i < change->edit_count; i++) {
            int ordinal = rove__row_field(&change->row, change->edits[i].field);
            if (ordinal >= 0) {
                rove__bits_set(&own.row.present, (size_t)ordinal);
            }
        }
    }
    return own;
}

rove_status rove__discard_note(rove__store *store, const rove__change *change, const char *why,
                               rove_error *error) {
    sqlite3_stmt *statement = NULL;
    rove__bytes bytes;
    rove__change own = own_work(change);

    rove_status status = rove__change_pack(store, &own, &store->row_arena, &bytes);
    if (status == ROVE_OK) {
        status = rove__store_statement(store, ROVE_SQL_DISCARDED_PUT, &statement, error);
    }
    if (status == ROVE_OK) {
        sqlite3_bind_int64(statement, 1, change->row.entity_number);
        sqlite3_bind_int64(statement, 2, change->row.id);
        sqlite3_bind_int64(statement, 3, store->now_ms);
        sqlite3_bind_text(statement, 4, why, -1, SQLITE_STATIC);
        sqlite3_bind_blob64(statement, 5, bytes.data, bytes.size, SQLITE_STATIC);
        status = rove__store_run(store, statement, error, "Noting what was dropped");
    }
    return status;
}
