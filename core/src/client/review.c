/*
 * client/review.c - what needs the rep's eye: refused and returned writes, work in review, quarantined rows, pending work, conflicts.
 *
 * Lists are read on a reader, row by row, while a visitor is told; it may read and write meanwhile. What it is
 * given lives for the call.
 */
#include <string.h>

#include "base/text.h"
#include "client/internal.h"
#include "merge/merge.h"
#include "model/set.h"
#include "rove/entities.pb-c.h"
#include "rules/conflict.h"
#include "store/outbox.h"
#include "wire/batch.h"

#define REASON_MAX 1024
#define FIELDS_MAX ((size_t)ROVE_FIELDS_MAX * (ROVE_NAME_MAX + 1) + 1)

/* ---- a list ---- */

typedef struct list {
    rove *replica;
    rove_query *query;
    rove__arena arena; /* of one row */
    rove_error *error;
} list;

typedef rove_status (*teller)(list *l, void *visit, void *ctx);

static int64_t int_at(const list *l, size_t column) {
    rove_value value = rove_query_value(l->query, column);

    return value.type == ROVE_INT ? value.as.integer : 0;
}

static void text_at(const list *l, size_t column, char *out, size_t capacity) {
    rove_value value = rove_query_value(l->query, column);
    int size = value.type == ROVE_TEXT && value.size < capacity ? (int)value.size : 0;

    rove__text_format(out, capacity, "%.*s", size, size > 0 ? (const char *)value.as.data : "");
}

static const rove__entity *entity_at(const list *l, size_t column) {
    return rove__registry_by_number(rove__store_registry(l->replica->store),
                                    (uint32_t)int_at(l, column));
}

static const char *entity_name(const rove__entity *entity) {
    return entity != NULL ? entity->name : "?";
}

/*
 * `visit` points to the visitor's function pointer. A visitor's status other than OK ends the list and is returned;
 * DONE means that it has seen enough.
 */
static rove_status walk(rove *replica, const char *sql, const rove_value *parameters, size_t count,
                        teller tell, void *visit, void *ctx, rove_error *error) {
    rove_error detail = {.message = ""};
    list l = {.replica = replica, .error = &detail};

    rove__arena_init(&l.arena, &replica->ports.allocator, ROVE_ROW_ARENA_MAX);
    rove_status status = rove_query_new(replica, sql, parameters, count, &l.query, &detail);
    while (status == ROVE_OK) {
        status = rove_query_step(l.query, &detail);
        if (status == ROVE_OK) {
            rove__arena_reset(&l.arena);
            status = tell(&l, visit, ctx);
        }
    }
    rove_query_free(l.query);
    rove__arena_free(&l.arena);
    return status == ROVE_DONE ? ROVE_OK : rove__client_said(status, &detail, error);
}

/* ---- refused writes ---- */

static rove_status tell_rejection(list *l, void *visit, void *ctx) {
    rove_rejection_visitor visitor = *(rove_rejection_visitor *)visit;
    char reason[2 * REASON_MAX];
    char said[REASON_MAX];
    char by[REASON_MAX];
    rove_rejection rejection = {.number = int_at(l, 0),
                                .entity = entity_name(entity_at(l, 1)),
                                .id = int_at(l, 2),
                                .status = (rove_status)int_at(l, 3),
                                .reason = reason,
                                .at_ms = int_at(l, 5),
                                .returned = (int)int_at(l, 6)};

    text_at(l, 4, reason, sizeof reason);
    if (rejection.returned) {
        text_at(l, 7, by, sizeof by);
        text_at(l, 8, said, sizeof said);
        rove__text_format(reason, sizeof reason, "%s returned it%s%s", by,
                          said[0] != '\0' ? ": " : ".", said);
    }
    return visitor(ctx, &rejection);
}

rove_status rove_rejections(rove *replica, rove_rejection_visitor visit, void *ctx,
                            rove_error *error) {
    if (replica == NULL || visit == NULL) {
        return rove__client_invalid(error, "A list takes a replica and a visitor.");
    }
    rove_value denied = rove_int(ROVE_DENIED);
    return walk(replica,
                "SELECT seq, entity, row, status, reason, at, 0, NULL, NULL FROM _rejection"
                " UNION ALL SELECT id, record_entity, record_id, ?1, reason, decided_at, 1,"
                " decided_by, note FROM review WHERE state = 3 ORDER BY 1",
                &denied, 1, tell_rejection, &visit, ctx, error);
}

/* ---- what was in one ---- */

static rove_status tell_set(const rove__field *field, const rove_value *value, rove__arena *arena,
                            rove_refused_visitor visitor, void *ctx) {
    rove__set set;
    rove_status status = rove__set_read(&set, value, ROVE_SET_DELTA, arena);

    for (size_t i = 0; i < set.count && status == ROVE_OK; i++) {
        rove_refused_field told = {field->name, set.elements[i].value,
                                   set.form == ROVE_SET_DELTA &&
                                       set.elements[i].action == ROVE_SET_REMOVE};
        status = visitor(ctx, &told);
    }
    return status;
}

static rove_status tell_counter(const rove__field *field, const rove_value *value,
                                rove__arena *arena, rove_refused_visitor visitor, void *ctx) {
    rove__increment *increments = NULL;
    size_t count = 0;
    int saturated = 0;
    rove_status status = rove__increments_read(value, arena, &increments, &count);

    if (status != ROVE_OK) {
        return status;
    }
    rove_refused_field told = {field->name,
                               rove_int(rove__merge_counter(0, increments, count, &saturated)), 0};
    return visitor(ctx, &told);
}

static rove_status tell_cells(const rove__change *change, rove__arena *arena,
                              rove_refused_visitor visitor, void *ctx) {
    const rove__entity *entity = change->row.entity;
    rove_status status = ROVE_OK;

    for (size_t i = 0; entity != NULL && i < change->row.cell_count && status == ROVE_OK; i++) {
        const rove__field *field = &entity->fields[i];
        const rove_value *value = &change->row.cells[i];
        rove_refused_field told = {field->name, *value, 0};
        if (!rove__bits_get(&change->row.present, i) || change->op == ROVE_OP_DELETE ||
            field->kind == ROVE_KIND_DERIVED) {
            continue;
        }
        switch (field->kind) {
        case ROVE_KIND_SET:
            status = tell_set(field, value, arena, visitor, ctx);
            break;
        case ROVE_KIND_COUNTER:
            status = tell_counter(field, value, arena, visitor, ctx);
            break;
        default:
            status = visitor(ctx, &told);
            break;
        }
    }
    return status;
}

typedef struct refused {
    rove_refused_visitor visitor;
    void *ctx;
    int found;
} refused;

static rove_status tell_refused(list *l, void *visit, void *ctx) {
    refused *r = ctx;
    rove_value bytes = rove_query_value(l->query, 0);
    rove__batch_reader *reader = NULL;
    rove__change read;
    rove__change change;
    rove_status status = ROVE_OK;

    (void)visit;
    r->found = 1;
    if (bytes.type != ROVE_BLOB) {
        return ROVE_OK; /* it is not given out while it waits, or too large */
    }
    status = rove__batch_reader_new(&l->replica->ports.allocator,
                                    rove__store_registry(l->replica->store), bytes.as.data,
                                    bytes.size, &reader);
    if (status == ROVE_OK) {
        status = rove__batch_next(reader, &read);
    }
    if (status == ROVE_OK) {
        status = rove__change_copy(&change, &read, &l->arena);
    }
    if (status == ROVE_OK) {
        status = tell_cells(&change, &l->arena, r->visitor, r->ctx);
    } else if (status != ROVE_NOMEM) {
        status = rove__error_set(l->error, ROVE_CORRUPT, "A refused write is damaged.");
    }
    rove__batch_reader_free(reader);
    return status;
}

rove_status rove_rejection_read(rove *replica, int64_t number, rove_refused_visitor visit,
                                void *ctx, rove_error *error) {
    refused r = {visit, ctx, 0};
    rove_value key = rove_int(number);

    if (replica == NULL || visit == NULL) {
        return rove__client_invalid(error,
                                    "Reading a refused write takes a replica and a visitor.");
    }
    rove_status status = walk(replica,
                              "SELECT change FROM _rejection WHERE seq = ?1"
                              " UNION ALL SELECT change FROM review WHERE id = ?1",
                              &key, 1, tell_refused, NULL, &r, error);
    return status == ROVE_OK && !r.found
               ? rove__error_set(error, ROVE_NOT_FOUND, "There is no refused write %lld.",
                                 (long long)number)
               : status;
}

/* ---- work in review ---- */

static const char *key_at(const list *l, const char *field, size_t column) {
    const char *key = NULL;

    return rove_enum_key(l->replica, "Review", field, int_at(l, column), &key) == ROVE_OK ? key
                                                                                          : "?";
}

static rove_status tell_review(list *l, void *visit, void *ctx) {
    rove_review_visitor visitor = *(rove_review_visitor *)visit;
    char reason[REASON_MAX];
    char by[REASON_MAX];
    char note[REASON_MAX];
    rove_review review = {.number = int_at(l, 0),
                          .entity = entity_name(entity_at(l, 1)),
                          .id = int_at(l, 2),
                          .what = key_at(l, "what", 3),
                          .state = key_at(l, "state", 4),
                          .reason = reason,
                          .by = by,
                          .note = note,
                          .written_at_ms = int_at(l, 8),
                          .decided_at_ms = int_at(l, 9),
                          .replica = (rove_replica)int_at(l, 10)};

    text_at(l, 5, reason, sizeof reason);
    text_at(l, 6, by, sizeof by);
    text_at(l, 7, note, sizeof note);
    return visitor(ctx, &review);
}

rove_status rove_reviews(rove *replica, rove_review_visitor visit, void *ctx, rove_error *error) {
    if (replica == NULL || visit == NULL) {
        return rove__client_invalid(error, "A list takes a replica and a visitor.");
    }
    return walk(replica,
                "SELECT id, record_entity, record_id, what, state, reason, decided_by, note,"
                " written_at, decided_at, replica FROM review ORDER BY id",
                NULL, 0, tell_review, &visit, ctx, error);
}

/* ---- acting on a refused write ---- */

/* The entity of a rejection. */
static rove_status tell_entity(list *l, void *visit, void *ctx) {
    const rove__entity **entity = ctx;

    (void)visit;
    *entity = entity_at(l, 0);
    return ROVE_OK;
}

rove_status rove_rejection_retry(rove *replica, int64_t number, const rove_field *fixes,
                                 size_t count, rove_error *error) {
    const rove__entity *entity = NULL;
    rove_value key = rove_int(number);
    rove_error detail = {.message = ""};
    rove__arena arena;
    rove__row row;

    if (replica == NULL || (fixes == NULL && count > 0)) {
        return rove__client_invalid(error, "A retry takes a replica and fields.");
    }
    rove_status status = walk(replica,
                              "SELECT entity FROM _rejection WHERE seq = ?1 UNION ALL"
                              " SELECT record_entity FROM review WHERE id = ?1 AND state = 3",
                              &key, 1, tell_entity, NULL, &entity, error);
    if (status == ROVE_OK && entity == NULL) {
        status = rove__error_set(error, ROVE_NOT_FOUND, "There is no refused write %lld.",
                                 (long long)number);
    }
    if (status != ROVE_OK) {
        return status;
    }
    rove__arena_init(&arena, &replica->ports.allocator, ROVE_ROW_ARENA_MAX);
    status = rove__client_row(entity, 0, fixes, count, &arena, &row, &detail);
    if (status == ROVE_OK) {
        status =
            rove__store_rejection_retry(replica->store, number, count > 0 ? &row : NULL, &detail);
    }
    rove__arena_free(&arena);
    return rove__client_said(status, &detail, error);
}

rove_status rove_rejection_discard(rove *replica, int64_t number, rove_error *error) {
    return replica != NULL ? rove__store_rejection_discard(replica->store, number, error)
                           : rove__client_invalid(error, "There is no replica.");
}

/* ---- quarantine ---- */

static rove_status tell_quarantined(list *l, void *visit, void *ctx) {
    rove_quarantine_visitor visitor = *(rove_quarantine_visitor *)visit;
    char reason[REASON_MAX];
    rove_quarantined row = {.entity = entity_name(entity_at(l, 0)),
                            .id = int_at(l, 1),
                            .status = (rove_status)int_at(l, 2),
                            .reason = reason};

    text_at(l, 3, reason, sizeof reason);
    return visitor(ctx, &row);
}

rove_status rove_quarantine(rove *replica, rove_quarantine_visitor visit, void *ctx,
                            rove_error *error) {
    rove_value unknown[] = {rove_int(ROVE_UNKNOWN_ENTITY),
                            rove_text("A newer version of the app knows this kind of record.")};

    if (replica == NULL || visit == NULL) {
        return rove__client_invalid(error, "A list takes a replica and a visitor.");
    }
    return walk(replica,
                "SELECT entity, row, status, reason FROM _quarantine"
                " UNION ALL SELECT entity, row, ?1, ?2 FROM _unknown",
                unknown, 2, tell_quarantined, &visit, ctx, error);
}

rove_status rove_quarantine_retry(rove *replica, uint64_t *left, rove_error *error) {
    uint64_t ignored = 0;

    if (replica == NULL) {
        return rove__client_invalid(error, "There is no replica.");
    }
    return rove__store_quarantine_retry(replica->store, left != NULL ? left : &ignored, error);
}

/* ---- pending work ---- */

static const char *op_name(rove__op op) {
    switch (op) {
    case ROVE_OP_INSERT:
        return "insert";
    case ROVE_OP_DELETE:
        return "delete";
    case ROVE_OP_SEAL:
        return "seal";
    default:
        return "update";
    }
}

/* The names of the fields that the rep wrote, comma-separated, and when the last of the edits was made. */
static void sum_up(const rove__entity *entity, const rove__entry *entry, char *names,
                   rove_stamp *newest) {
    size_t at = 0;

    names[0] = '\0';
    *newest = entry->raw;
    for (size_t i = 0; i < entry->count; i++) {
        int ordinal = entity != NULL ? rove__entity_field(entity, entry->cells[i].field) : -1;
        if (entry->cells[i].raw > *newest) {
            *newest = entry->cells[i].raw;
        }
        if (ordinal >= 0 && entity->fields[ordinal].writer != ROVE_WRITER_SEAL &&
            at + ROVE_NAME_MAX + 2 < FIELDS_MAX) {
            rove__text_format(names + at, FIELDS_MAX - at, "%s%s", at > 0 ? "," : "",
                              entity->fields[ordinal].name);
            at += strlen(names + at);
        }
    }
}

static rove_status tell_pending(list *l, void *visit, void *ctx) {
    rove_pending_visitor visitor = *(rove_pending_visitor *)visit;
    const rove__entity *entity = entity_at(l, 0);
    rove_value body = rove_query_value(l->query, 3);
    rove__entry entry = {0};
    rove_stamp newest = 0;
    char *names = rove__arena_take(&l->arena, FIELDS_MAX);

    rove_status status =
        names == NULL ? ROVE_NOMEM : rove__entry_read(&entry, body.as.data, body.size, &l->arena);
    if (status != ROVE_OK) {
        return rove__error_set(l->error, status, "Reading pending work: %s",
                               rove_status_text(status));
    }
    sum_up(entity, &entry, names, &newest);
    rove_pending pending = {.entity = entity_name(entity),
                            .id = int_at(l, 1),
                            .what = op_name(entry.op),
                            .in_flight = (int)int_at(l, 2),
                            .fields = names,
                            .at_ms = rove__stamp_ms(newest)};
    return visitor(ctx, &pending);
}

rove_status rove_pending_list(rove *replica, rove_pending_visitor visit, void *ctx,
                              rove_error *error) {
    if (replica == NULL || visit == NULL) {
        return rove__client_invalid(error, "A list takes a replica and a visitor.");
    }
    return walk(replica,
                "SELECT entity, row, batch IS NOT NULL, body FROM _outbox ORDER BY seq DESC", NULL,
                0, tell_pending, &visit, ctx, error);
}

/* ---- conflicts ---- */

#define CONFLICTS                                                                                  \
    "SELECT id, record_entity, record_id, field_number, kind, kept_value, lost_value,"             \
    " kept_user_id, lost_user_id, kept_stamp, lost_stamp, kept_raw_at, lost_raw_at, status,"       \
    " kept_replica, lost_replica, resolver_id, resolved_at FROM conflict"
#define CONFLICTS_PAGE                                                                             \
    " id > ?1 AND (?2 = 0 OR record_entity = ?2) AND (?3 = 0 OR ?3 IN (kept_user_id,"              \
    " lost_user_id)) AND (?4 = 0 OR id = ?4) ORDER BY id LIMIT ?5"

/* The columns of CONFLICTS. */
enum { KIND = 4, LOST_VALUE = 6, STATUS = 13 };

static int is_open(const list *l) {
    return int_at(l, STATUS) == ROVE__CONFLICT__STATUS__OPEN;
}

static rove_value described(const list *l, size_t column) {
    rove_value packed = rove_query_value(l->query, column);

    return rove__conflict_value(&packed);
}

static const char *field_name(const rove__entity *entity, uint32_t number) {
    const char *name = "";

    int ordinal = entity != NULL && number != 0 ? rove__entity_field(entity, number) : -1;
    if (ordinal >= 0) {
        name = entity->fields[ordinal].name;
    }
    return name;
}

static rove_status tell_conflict(list *l, void *visit, void *ctx) {
    rove_conflict_visitor visitor = *(rove_conflict_visitor *)visit;
    const rove__entity *entity = entity_at(l, 1);
    const char *kind = NULL;
    const char *status = NULL;

    if (rove_enum_key(l->replica, "Conflict", "kind", int_at(l, KIND), &kind) != ROVE_OK) {
        kind = "?";
    }
    if (rove_enum_key(l->replica, "Conflict", "status", int_at(l, STATUS), &status) != ROVE_OK) {
        status = "?";
    }
    rove_conflict conflict = {.number = int_at(l, 0),
                              .entity = entity_name(entity),
                              .id = int_at(l, 2),
                              .field = field_name(entity, (uint32_t)int_at(l, 3)),
                              .kind = kind,
                              .kept = described(l, 5),
                              .lost = described(l, 6),
                              .kept_user = int_at(l, 7),
                              .lost_user = int_at(l, 8),
                              .kept_at_ms = rove__stamp_ms((rove_stamp)int_at(l, 9)),
                              .lost_at_ms = rove__stamp_ms((rove_stamp)int_at(l, 10)),
                              .kept_raw_at_ms = int_at(l, 11),
                              .lost_raw_at_ms = int_at(l, 12),
                              .open = is_open(l),
                              .status = status,
                              .kept_replica = (rove_replica)int_at(l, 14),
                              .lost_replica = (rove_replica)int_at(l, 15),
                              .resolver = int_at(l, 16),
                              .resolved_at_ms = int_at(l, 17)};
    return visitor(ctx, &conflict);
}

rove_status rove_conflicts(rove *replica, const rove_conflict_filter *filter,
                           rove_conflict_visitor visit, void *ctx, rove_error *error) {
    rove_conflict_filter wanted = {.size = sizeof wanted};
    const rove__entity *entity = NULL;
    rove_status status = ROVE_OK;

    if (replica == NULL || visit == NULL || (filter != NULL && filter->size == 0)) {
        return rove__client_invalid(error,
                                    "A list takes a replica, a visitor and a filter's size.");
    }
    if (filter != NULL) {
        memcpy(&wanted, filter, filter->size < sizeof wanted ? filter->size : sizeof wanted);
    }
    if (wanted.entity != NULL) {
        status = rove__client_entity(replica, wanted.entity, &entity, error);
    }
    if (status != ROVE_OK) {
        return status;
    }
    int64_t limit = wanted.limit == 0 || wanted.limit > INT32_MAX ? -1 : (int64_t)wanted.limit;
    rove_value parameters[] = {rove_int(wanted.after),
                               rove_int(entity != NULL ? (int64_t)entity->number : 0),
                               rove_int(wanted.user), rove_int(wanted.number), rove_int(limit)};
    /* The index on the status gives ids in order. */
    return walk(replica,
                wanted.open ? CONFLICTS " WHERE status = 1 AND" CONFLICTS_PAGE
                            : CONFLICTS " WHERE" CONFLICTS_PAGE,
                parameters, 5, tell_conflict, &visit, ctx, error);
}

/* ---- settling one ---- */

/* A conflict as it is to be settled; copies, for a transaction follows. */
typedef struct settlement {
    int found;
    int open;
    const rove__entity *entity;
    rove_id id;
    uint32_t field;
    int64_t kind;
    rove_value lost; /* as the entry has it; in `arena` */
    rove__arena *arena;
} settlement;

static rove_status take_conflict(list *l, void *visit, void *ctx) {
    settlement *s = ctx;
    rove_value lost = rove_query_value(l->query, LOST_VALUE);

    (void)visit;
    s->found = 1;
    s->open = is_open(l);
    s->entity = entity_at(l, 1);
    s->id = int_at(l, 2);
    s->field = (uint32_t)int_at(l, 3);
    s->kind = int_at(l, KIND);
    s->lost = lost;
    if (lost.type == ROVE_BLOB && lost.size > 0) {
        s->lost.as.data = rove__arena_copy(s->arena, lost.as.data, lost.size);
        return s->lost.as.data == NULL ? ROVE_NOMEM : ROVE_OK;
    }
    return ROVE_OK;
}

/* Writes the losing side again: the value of a field, or the delete that was taken back. */
static rove_status restore(rove *replica, const settlement *s, rove_error *error) {
    rove__remedy remedy;
    rove__row row;

    rove_status status =
        rove__conflict_remedy(s->kind, s->entity, s->field, &s->lost, &remedy, error);
    if (status != ROVE_OK) {
        return status;
    }
    if (remedy.deletes) {
        return rove__store_delete(replica->store, s->entity, s->id, error);
    }
    status = rove__row_init(&row, s->entity, s->id, s->arena);
    if (status != ROVE_OK) {
        return rove__error_set(error, status, "%s", rove_status_text(status));
    }
    rove__row_set(&row, remedy.ordinal, remedy.value);
    return rove__store_update(replica->store, &row, error);
}

static rove_status mark_settled(rove *replica, rove_id number, int again, rove__arena *arena,
                                rove_error *error) {
    const rove__entity *conflict = NULL;
    rove__store_owner owner;
    rove__row row;

    rove__store_read_owner(replica->store, &owner);
    rove_field fields[] = {{"status", rove_int(again ? ROVE__CONFLICT__STATUS__RESOLVED
                                                     : ROVE__CONFLICT__STATUS__DISMISSED)},
                           {"resolved_at", rove_int(rove__store_now_ms(replica->store, NULL))},
                           {"resolver_id", rove_int(owner.user)}};
    rove_status status = rove__client_entity(replica, "Conflict", &conflict, error);
    if (status == ROVE_OK) {
        status = rove__client_row(conflict, number, fields, 3, arena, &row, error);
    }
    return status == ROVE_OK ? rove__store_update(replica->store, &row, error) : status;
}

static rove_status settle(rove *replica, rove_id number, int again, settlement *s,
                          rove_error *error) {
    int own = 0;
    rove_status status = rove__client_enter(replica, &own, error);

    if (status != ROVE_OK) {
        return status;
    }
    if (again) {
        status = restore(replica, s, error);
    }
    if (status == ROVE_OK) {
        status = mark_settled(replica, number, again, s->arena, error);
    }
    return rove__client_leave(replica, own, status, error);
}

rove_status rove_conflict_settle(rove *replica, rove_id number, int again, rove_error *error) {
    rove_value key = rove_int(number);
    rove__arena arena;
    settlement s = {.arena = &arena};
    rove_error detail = {.message = ""};

    if (replica == NULL) {
        return rove__client_invalid(error, "There is no replica.");
    }
    rove__arena_init(&arena, &replica->ports.allocator, ROVE_ROW_ARENA_MAX);
    rove_status status =
        walk(replica, CONFLICTS " WHERE id = ?1", &key, 1, take_conflict, NULL, &s, &detail);
    if (status == ROVE_OK && !s.found) {
        status = rove__error_set(&detail, ROVE_NOT_FOUND, "There is no conflict %lld.",
                                 (long long)number);
    }
    if (status == ROVE_OK && !s.open) {
        status = rove__error_set(&detail, ROVE_STATE, "The conflict is settled already.");
    }
    if (status == ROVE_OK) {
        status = settle(replica, number, again, &s, &detail);
    }
    rove__arena_free(&arena);
    return rove__client_said(status, &detail, error);
}
