/*
 * client/drop_note.c - what goes into the drop box: a visit or a call while the replica is locked, and before a wipe what was not
 * sent, and what headquarters has but no backup. All that is needed is in memory while the replica is locked: the device's key and
 * certificate, headquarters' sealing key, and what the time is known by.
 */
#include <string.h>

#include "base/log.h"
#include "base/planted.h"
#include "base/text.h"
#include "client/drop_post.h"
#include "rules/rules.h"
#include "wire/proof.h"
#include "wire/sealed_note.h"

rove__sealer rove__drop_sealer(rove__store *store, const rove__credentials *credentials,
                               rove__evidence_now *evidence) {
    rove__sealer sealer = rove__credentials_sealer(credentials);

    rove__store_evidence(store, evidence);
    if (evidence->has_seal_key) {
        sealer.recipient = evidence->seal_key;
    }
    return sealer;
}

/* ---- a note --------------------------------------------------------------------------------------------- */

typedef struct noting {
    rove *replica;
    const rove__entity *entity;
    rove__credentials *credentials; /* a copy: whoever renews them waits for nobody */
    rove__evidence_now evidence;
    rove__arena arena;
    rove__buf row;
    rove__buf record;
    rove__sealed_note note;
} noting;

/* Everything else says LOCKED. */
static rove_status must_be_locked(rove *replica, rove_error *error) {
    rove_status status = rove__client_check(replica, error);

    if (status == ROVE_LOCKED) {
        return ROVE_OK;
    }
    return status != ROVE_OK
               ? status
               : rove__error_set(error, ROVE_STATE,
                                 "The replica is not locked: insert the record into it.");
}

static rove_status take_credentials(noting *n, rove_error *error) {
    rove *replica = n->replica;
    rove_status status = ROVE_NOT_ENROLLED;

    rove__mutex_enter(replica->mutex);
    if (replica->credentials != NULL) {
        status = rove__credentials_copy(&replica->ports.allocator, replica->credentials,
                                        &n->credentials, error);
    }
    rove__mutex_leave(replica->mutex);
    return status == ROVE_NOT_ENROLLED
               ? rove__error_set(error, status, "%s", rove_status_text(status))
               : status;
}

static rove_status make_sealer(noting *n, rove__sealer *sealer, rove_error *error) {
    *sealer = rove__drop_sealer(n->replica->store, n->credentials, &n->evidence);
    return sealer->recipient != NULL
               ? ROVE_OK
               : rove__error_set(error, ROVE_NOT_ENROLLED,
                                 "Headquarters has not given this device a key to seal with; sync "
                                 "once, and try again.");
}

static rove_status make_row(noting *n, const rove_field *fields, size_t count, rove_error *error) {
    rove__row row;

    if (rove__proof_field(n->entity) < 0) {
        return rove__error_set(error, ROVE_INVALID,
                               "Only visits and calls are written while the replica is locked.");
    }
    rove_status status = rove__client_row(n->entity, 0, fields, count, &n->arena, &row, error);
    if (status != ROVE_OK) {
        return status;
    }
    const rove__write write = {.op = ROVE_OP_INSERT,
                               .actor = ROVE_ACTOR_REP,
                               .registry = rove__store_registry(n->replica->store),
                               .after = &row};
    status = rove__rules_check(&write, error);
    return status == ROVE_OK ? rove__row_to_packed(&row, &n->row) : status;
}

static rove_status make_note(noting *n, uint8_t *reference, rove_error *error) {
    const rove_random *random = &n->replica->ports.random;
    rove_status status = random->fill(random->ctx, n->note.reference, sizeof n->note.reference);

    if (status != ROVE_OK) {
        return rove__error_set(error, status, "%s", rove_status_text(status));
    }
    n->note.replica = n->credentials->identity.replica;
    n->note.schema = ROVE_SCHEMA_VERSION;
    n->note.anchor = n->evidence.anchor;
    n->note.at = n->evidence.at;
    n->note.entity = n->entity->number;
    n->note.row = (rove__bytes){n->row.data, n->row.size};
    memcpy(reference, n->note.reference, ROVE_REFERENCE_SIZE);
    return ROVE_OK;
}

/* Its ordinal is known with the drop box open. */
static rove_status put_note(noting *n, const rove__sealer *sealer, rove_error *error) {
    rove *replica = n->replica;
    rove__drop drop;

    rove__mutex_enter(replica->dropping);
    rove_status status = rove__drop_open(&drop, &replica->ports, replica->folder, error);
    if (status == ROVE_OK) {
        n->note.ordinal = drop.notes + 1;
        status = rove__sealed_note_write(&replica->ports.crypto, sealer, &n->note, &n->record);
    }
    if (status == ROVE_OK) {
        status = rove__drop_put(&drop, (rove__bytes){n->record.data, n->record.size}, error);
    }
    rove__drop_close(&drop);
    rove__mutex_leave(replica->dropping);
    return status;
}

static rove_status record(noting *n, const char *entity, const rove_field *fields, size_t count,
                          uint8_t *reference, rove_error *error) {
    rove__sealer sealer;

    rove_status status = rove__client_entity(n->replica, entity, &n->entity, error);
    if (status == ROVE_OK) {
        status = must_be_locked(n->replica, error);
    }
    if (status == ROVE_OK) {
        status = take_credentials(n, error);
    }
    if (status == ROVE_OK) {
        status = make_sealer(n, &sealer, error);
    }
    if (status == ROVE_OK) {
        status = make_row(n, fields, count, error);
    }
    if (status == ROVE_OK) {
        status = make_note(n, reference, error);
    }
    if (status == ROVE_OK) {
        status = rove__drop_address(&n->replica->ports, n->replica->folder, n->credentials, error);
    }
    return status == ROVE_OK ? put_note(n, &sealer, error) : status;
}

rove_status rove_drop_record(rove *replica, const char *entity, const rove_field *fields,
                             size_t count, uint8_t reference[ROVE_REFERENCE_SIZE],
                             rove_error *error) {
    rove_error detail = {.message = ""};

    if (replica == NULL || reference == NULL || (fields == NULL && count > 0)) {
        return rove__client_invalid(error, "A record for the drop box takes a replica, fields and "
                                           "a place for its reference.");
    }
    const rove_allocator *allocator = &replica->ports.allocator;
    noting n = {.replica = replica};
    rove__arena_init(&n.arena, allocator, ROVE_ROW_ARENA_MAX);
    rove__buf_init(&n.row, allocator, ROVE_ROW_MAX);
    rove__buf_init(&n.record, allocator, ROVE_SEALED_MAX);
    rove_status status = record(&n, entity, fields, count, reference, &detail);
    if (status != ROVE_OK) {
        memset(reference, 0, ROVE_REFERENCE_SIZE);
    }
    if (n.row.data != NULL) {
        rove__wipe(n.row.data, n.row.size);
    }
    rove__buf_free(&n.row);
    rove__buf_free(&n.record);
    rove__arena_free(&n.arena);
    rove__credentials_free(allocator, n.credentials);
    return rove__client_said(status, &detail, error);
}

/* ---- with every sync ------------------------------------------------------------------------------------ */

static rove_status deliver(rove *replica, const rove__drop_way *way, rove_drop_report *report) {
    rove_drop_state state = {.size = sizeof state};
    rove_status status = rove__drop_count(&replica->ports, replica->folder, &state, NULL);

    if (status != ROVE_OK || state.waiting + state.kept == 0) {
        return status;
    }
    if (replica->credentials != NULL) {
        status = rove__drop_address(&replica->ports, replica->folder, replica->credentials, NULL);
    }
    return status == ROVE_OK
               ? rove__drop_deliver(&replica->ports, replica->folder, way, report, NULL)
               : status;
}

rove_status rove__client_drop(rove *replica, int (*cancelled)(void *ctx), void *ctx) {
    rove_drop_report report = {.size = sizeof report};
    int trusted = 0;
    int64_t now_ms = rove__store_now_ms(replica->store, &trusted);
    const rove__drop_way way = {.trusted_now_ms = trusted ? now_ms : 0,
                                .turn = replica->dropping,
                                .cancelled = cancelled,
                                .ctx = ctx};
    rove_status status = deliver(replica, &way, &report);

    if (status != ROVE_OK || report.taken + report.kept + report.later + report.refused > 0) {
        rove__log(&replica->ports.log,
                  status != ROVE_OK || report.refused > 0 ? ROVE_LOG_WARN : ROVE_LOG_INFO, "client",
                  "drop box: %s, %llu taken, %llu not in a backup yet, %llu later, %llu refused",
                  rove_status_name(status), (unsigned long long)report.taken,
                  (unsigned long long)report.kept, (unsigned long long)report.later,
                  (unsigned long long)report.refused);
    }
    return status == ROVE_NOMEM ? status : ROVE_OK;
}

/* ---- before a wipe -------------------------------------------------------------------------------------- */

typedef struct emptying {
    rove *replica;
    rove__sealer sealer;
    rove_replica owner;
    rove__drop drop;
    rove__buf records; /* of a batch */
    int full;
    int64_t sent_ms; /* of what headquarters has */
    rove__drop_outbox_report *report;
} emptying;

/* All of them, or, where there is no room for all, none. kept: headquarters has it. */
static rove_status add_batch(emptying *e, int kept, rove_error *error) {
    size_t needed = 0;

    for (size_t at = 0; at < e->records.size;) {
        size_t size = rove__u32_get(e->records.data + at);
        needed += ROVE_DROP_HEAD + size;
        at += 4 + size;
    }
    rove_status status = rove__drop_make_room(&e->drop, needed, error);
    if (status == ROVE_FULL) {
        e->full = 1;
        return ROVE_OK;
    }
    for (size_t at = 0; at < e->records.size && status == ROVE_OK;) {
        rove__bytes record = {e->records.data + at + 4, rove__u32_get(e->records.data + at)};
        status = kept ? rove__drop_keep(&e->drop, record, e->sent_ms, error)
                      : rove__drop_add(&e->drop, record, error);
        at += 4 + record.size;
    }
    return status;
}

static rove_status next_batch(emptying *e, rove__unsent *unsent, rove_error *error) {
    rove__buf_reset(&e->records);
    rove_status status =
        rove__store_unsent_next(e->replica->store, &e->sealer, unsent, &e->records, error);
    if (status != ROVE_OK || !unsent->found) {
        return status;
    }
    /* What an earlier call put in is there, or was sent. */
    int had = e->drop.replica == e->owner && unsent->position <= e->drop.position;
    if (!had && !e->full) {
        status = add_batch(e, 0, error);
    }
    if (status == ROVE_OK && !had && e->full) {
        e->report->left += unsent->changes > 0 ? unsent->changes : 1;
        return status;
    }
    if (status == ROVE_OK && !(had && ROVE_PLANTED(W04_UNCOUNTED))) {
        e->report->batches++;
        e->report->changes += unsent->changes;
    }
    if (status == ROVE_OK && !had) {
        e->drop.replica = e->owner;
        e->drop.position = unsent->position;
    }
    return status;
}

static rove_status empty(emptying *e, rove_error *error) {
    rove__unsent unsent = {.position = INT64_MIN, .found = 1};
    rove_status status = rove__store_unsent_freeze(e->replica->store, error);

    while (status == ROVE_OK && unsent.found && !ROVE_PLANTED(W01_UNSEALED)) {
        status = next_batch(e, &unsent, error);
    }
    return status == ROVE_OK && e->report->batches > 0 ? rove__drop_save(&e->drop, error) : status;
}

/*
 * Until when it is kept is known where headquarters makes backups: it is sent again when a new one is likely. Where none is known
 * of, it may go at once.
 */
static rove_status find_sent_ms(emptying *e, rove_error *error) {
    const rove_clock *clock = &e->replica->ports.clock;
    rove_clock_reading now;
    int64_t safe = 0;

    rove_status status = rove__store_journal_safe(e->replica->store, &safe, error);
    clock->read(clock->ctx, &now);
    e->sent_ms = safe > 0 && now.wall_ms > 0 ? now.wall_ms : 0;
    return status;
}

/* What an earlier call put in is there, was delivered, or made room. The oldest make room for the newest. */
static rove_status keep(emptying *e, rove_error *error) {
    rove__unsent batch = {.position = INT64_MIN, .found = !e->drop.journal};
    rove_status status = find_sent_ms(e, error);

    while (status == ROVE_OK && batch.found) {
        rove__buf_reset(&e->records);
        status =
            rove__store_journal_next(e->replica->store, &e->sealer, &batch, &e->records, error);
        if (status == ROVE_OK && batch.found) {
            status = add_batch(e, 1, error);
            e->report->kept += !e->full;
            e->full = 0;
        }
    }
    if (status != ROVE_OK || e->report->kept == 0) {
        return status;
    }
    e->drop.replica = e->owner;
    e->drop.journal = 1;
    return rove__drop_save(&e->drop, error);
}

/* Opens the drop box, and does one or the other. */
static rove_status put(rove *replica, rove_status (*how)(emptying *e, rove_error *error),
                       rove__drop_outbox_report *report, rove_error *error) {
    emptying e = {.replica = replica, .report = report};
    rove__store_owner owner;

    rove__store_read_owner(replica->store, &owner);
    e.owner = owner.replica;
    e.sealer = rove__credentials_sealer(replica->credentials);
    rove__buf_init(&e.records, &replica->ports.allocator, 2 * ROVE_DROP_MAX);
    rove__mutex_enter(replica->dropping);
    rove_status status = rove__drop_open(&e.drop, &replica->ports, replica->folder, error);
    if (status == ROVE_OK && e.drop.replica != e.owner) {
        e.drop.replica = 0;
        e.drop.position = INT64_MIN;
        e.drop.journal = 0;
    }
    if (status == ROVE_OK) {
        status = how(&e, error);
    }
    rove__drop_close(&e.drop);
    rove__mutex_leave(replica->dropping);
    rove__buf_free(&e.records);
    return status;
}

rove_status rove__drop_outbox(rove *replica, rove__drop_outbox_report *report, rove_error *error) {
    memset(report, 0, sizeof *report);
    if (replica->credentials == NULL) {
        return rove__error_set(error, ROVE_NOT_ENROLLED, "%s", rove_status_text(ROVE_NOT_ENROLLED));
    }
    rove_status status =
        rove__drop_address(&replica->ports, replica->folder, replica->credentials, error);
    return status == ROVE_OK ? put(replica, empty, report, error) : status;
}

rove_status rove__drop_journal(rove *replica, rove__drop_outbox_report *report, rove_error *error) {
    const rove__sealer sealer = rove__credentials_sealer(replica->credentials);

    if (ROVE_PLANTED(W05_UNKEPT)) {
        return ROVE_OK;
    }
    rove__store_journal(replica->store, &sealer);
    return put(replica, keep, report, error);
}
