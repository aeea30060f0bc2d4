/*
 * sync/judge_names.c - a record is its origin, its id is a name (P4): before anything of a batch is judged, ops whose record
 * has another id here, and inserts whose id is taken, are told which id to use.
 *
 * An id is taken if a record of another origin has it, if a root of another entity has it (a scope would mean two
 * things), or if its replica number is another device's: nobody makes records in another's name.
 *
 * What it was sent as is kept with the name that it gets, whatever becomes of it then: its device may have signed that (wire/proof.h).
 */
#include "base/assert.h"
#include "base/planted.h"
#include "sync/judge_state.h"

#define HOPS_MAX 16 /* how far back a device's former numbers are followed */

rove_status rove__judge_had(const rove__hq_store *store, rove__hq_tx *tx, rove_replica latest,
                            rove_replica number, int *had) {
    rove__hq_device device;

    *had = 0;
    for (int hops = 0; hops < HOPS_MAX && latest != 0; hops++) {
        if (latest == number) {
            *had = 1;
            return ROVE_OK;
        }
        rove_status status = store->device_get(tx, latest, 0, &device);
        if (status != ROVE_OK) {
            return status == ROVE_NOT_FOUND ? ROVE_OK : status;
        }
        latest = device.former;
    }
    return ROVE_OK;
}

rove_status rove__judge_replica(rove__judge *judge, rove_replica replica, int *whose) {
    int had = 0;

    if (replica == judge->device->replica) {
        *whose = 1;
        return ROVE_OK;
    }
    rove_status status =
        rove__judge_had(judge->store, judge->tx, judge->device->former, replica, &had);
    *whose = 2 * had;
    return status;
}

/* Purged ones included: an id names one record for ever. */
static rove_status row_is_here(rove__judge *judge, uint32_t entity, rove_id id, int *here) {
    rove__hq_row row;
    rove__arena arena;

    rove__arena_init(&arena, judge->ports->allocator, ROVE_JUDGE_ARENA_MAX);
    rove_status status = judge->store->row_get(judge->tx, entity, id, 0, &arena, &row);
    rove__arena_free(&arena);
    if (status == ROVE_NOT_FOUND && !ROVE_PLANTED(P04_REUSED)) {
        status = judge->store->row_purged(judge->tx, entity, id);
    }
    *here = status == ROVE_OK;
    return status == ROVE_NOT_FOUND ? ROVE_OK : status;
}

/* Users are roots too: tasks and the day plan belong to them. */
static int is_root(const rove__entity *entity, const rove__entity *user) {
    return entity->scope == ROVE_SCOPE_SELF || entity == user;
}

rove_status rove__judge_root_taken(rove__judge *judge, const rove__entity *entity, rove_id id,
                                   int *taken) {
    const rove__registry *registry = judge->ports->registry;
    const rove__entity *user = rove__registry_by_name(registry, "User");
    rove_status status = ROVE_OK;

    *taken = 0;
    if (!is_root(entity, user)) {
        return ROVE_OK;
    }
    for (size_t i = 0; i < rove__registry_count(registry) && status == ROVE_OK && !*taken; i++) {
        const rove__entity *other = rove__registry_at(registry, i);
        if (other != entity && is_root(other, user)) {
            status = row_is_here(judge, other->number, id, taken);
        }
    }
    return status;
}

/* 1 if the id's replica number may name what this op inserts. */
static rove_status may_name(rove__judge *judge, const rove__staged_op *op, int *may) {
    const rove__hq_head *head = rove__writer_head(judge->writer);
    rove_replica prefix = rove__id_replica(op->id);
    rove__hq_device other;

    *may = prefix == op->replica;
    if (*may) {
        return ROVE_OK;
    }
    if (prefix == head->replica) {
        *may = rove__id_counter(op->id) <= head->counter; /* headquarters had it renamed so */
        return ROVE_OK;
    }
    rove_status status = judge->store->device_get(judge->tx, prefix, 0, &other);
    if (status == ROVE_OK && prefix != judge->device->replica) {
        return rove__judge_replica(judge, prefix, may);
    }
    *may = 1; /* its own, or a number that headquarters had on an earlier timeline */
    return status == ROVE_NOT_FOUND ? ROVE_OK : status;
}

static rove_status id_taken(rove__judge *judge, const rove__staged_op *op,
                            const rove__staged_op *previous, int *taken) {
    const rove__entity *entity = rove__registry_by_number(judge->ports->registry, op->entity);
    int may = 0;

    *taken = previous != NULL && previous->op == ROVE_OP_INSERT && previous->entity == op->entity &&
             previous->id == op->id;
    rove_status status = *taken ? ROVE_OK : may_name(judge, op, &may);
    if (status == ROVE_OK && !*taken && !may) {
        *taken = 1;
    }
    if (status == ROVE_OK && !*taken) {
        status = row_is_here(judge, op->entity, op->id, taken);
    }
    if (status == ROVE_OK && !*taken && entity != NULL) {
        status = rove__judge_root_taken(judge, entity, op->id, taken);
    }
    return status;
}

typedef struct kept_names {
    const rove__rename *name;
    size_t count;
    int given; /* `name->to` is one that it was given */
} kept_names;

static rove_status each_kept(void *ctx, const rove__rename *renamed) {
    kept_names *self = ctx;

    self->count++;
    self->given |= renamed->to == self->name->to && renamed->id != 0;
    return self->count < ROVE_JUDGE_NAMES_MAX ? ROVE_OK : ROVE_DONE;
}

/* *forgotten: its name is of nobody's number, so that headquarters gave it before it was restored. */
static rove_status is_forgotten(const rove__hq_store *store, rove__hq_tx *tx, rove_id to,
                                int *forgotten) {
    rove_replica number = rove__id_replica(to);
    rove__hq_device device;
    rove__hq_head head;
    rove_status status = store->head_get(tx, &head);

    *forgotten = 0;
    if (status != ROVE_OK || number == head.replica) {
        return status;
    }
    status = store->device_get(tx, number, 0, &device);
    *forgotten = status == ROVE_NOT_FOUND;
    return *forgotten ? ROVE_OK : status;
}

rove_status rove__judge_note_name(const rove__hq_store *store, rove__hq_tx *tx,
                                  const rove__rename *rename) {
    rove__rename note = *rename;
    kept_names kept = {.name = rename};
    int forgotten = 0;
    rove_status status = ROVE_OK;

    if (note.id == note.to) {
        if (rove__id_replica(note.to) != note.origin.replica) {
            status = is_forgotten(store, tx, note.to, &forgotten);
        }
        if (status != ROVE_OK || !forgotten) {
            return status;
        }
        note.id = 0;
    }
    status = store->renamed_of(tx, note.origin, each_kept, &kept);
    if (status != ROVE_OK || (note.id == 0 && kept.given)) {
        return status;
    }
    note.id = kept.count < ROVE_JUDGE_NAMES_MAX ? note.id : 0;
    return store->renamed_put(tx, &note);
}

static rove_status rename_op(const rove__hq_store *store, rove__hq_tx *tx, rove__answer *answer,
                             const rove__staged_op *op, rove_id to) {
    rove__rename rename = {.entity = op->entity, .id = op->id, .origin = op->origin, .to = to};
    rove_status status = rove__answer_rename(answer, &rename);

    if (status == ROVE_OK) {
        status = rove__judge_note_name(store, tx, &rename);
    }
    return status == ROVE_OK ? rove__answer_row(answer, op->entity, op->id) : status;
}

/* To the id that its record has here. NOT_FOUND: it is not here. */
static rove_status rename_known(const rove__hq_store *store, rove__hq_tx *tx,
                                const rove__staged_op *op, rove__answer *answer) {
    uint32_t entity = 0;
    rove_id id = 0;
    rove_status status = store->row_by_origin(tx, op->origin, &entity, &id);

    return status == ROVE_OK && entity == op->entity && id != op->id
               ? rename_op(store, tx, answer, op, id)
               : status;
}

static int same_record(const rove__staged_op *a, const rove__staged_op *b) {
    return a->entity == b->entity && a->id == b->id &&
           rove__version_compare(a->origin, b->origin) == 0;
}

typedef struct given {
    rove__judge *judge;
    const rove__staged_op *op;
    const rove__entity *entity;
    rove_id id; /* 0: none */
} given;

static rove_status each_given(void *ctx, const rove__rename *renamed) {
    given *self = ctx;
    int taken = 0;

    if (renamed->entity != self->op->entity || renamed->to == self->op->id) {
        return ROVE_OK;
    }
    rove_status status = row_is_here(self->judge, renamed->entity, renamed->to, &taken);
    if (status == ROVE_OK && !taken && self->entity != NULL) {
        status = rove__judge_root_taken(self->judge, self->entity, renamed->to, &taken);
    }
    if (status == ROVE_OK && !taken) {
        self->id = renamed->to;
        return ROVE_DONE;
    }
    return status;
}

/* The one that its device was given before and did not hear of, or a fresh one. */
static rove_status give_id(rove__judge *judge, const rove__staged_op *op, rove_id *id) {
    given before = {
        .judge = judge,
        .op = op,
        .entity = rove__registry_by_number(judge->ports->registry, op->entity),
    };
    rove_status status = judge->store->renamed_of(judge->tx, op->origin, each_given, &before);

    *id = before.id;
    return status == ROVE_OK && *id == 0 ? rove__writer_id(judge->writer, id) : status;
}

static rove_status note_as_it_came(rove__judge *judge, const rove__staged_op *op) {
    const rove__rename rename = {
        .entity = op->entity, .id = op->id, .origin = op->origin, .to = op->id};

    return rove__judge_note_name(judge->store, judge->tx, &rename);
}

static rove_status name_record(rove__judge *judge, const rove__staged_op *op,
                               const rove__staged_op *previous) {
    rove_id id = 0;
    int taken = 0;
    rove_status status = rename_known(judge->store, judge->tx, op, judge->answer);

    if (status != ROVE_NOT_FOUND) {
        return status;
    }
    if (op->op != ROVE_OP_INSERT) {
        return ROVE_OK;
    }
    status = id_taken(judge, op, previous, &taken);
    if (status == ROVE_OK && !taken) {
        return note_as_it_came(judge, op);
    }
    if (status == ROVE_OK) {
        status = give_id(judge, op, &id);
    }
    return status == ROVE_OK ? rename_op(judge->store, judge->tx, judge->answer, op, id) : status;
}

rove_status rove__judge_names(rove__judge *judge) {
    const rove__staged *staged = judge->staged;
    const rove__staged_op *previous = NULL; /* the first op of the record before */
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < staged->count && status == ROVE_OK && !ROVE_PLANTED(P04_BY_NAME); i++) {
        const rove__staged_op *op = &staged->ops[i];
        if (judge->answer->rename_count == ROVE_VERDICTS_MAX) {
            return ROVE_OK; /* the rest is found when the batch comes again */
        }
        if (i > 0 && same_record(op, &staged->ops[i - 1])) {
            continue;
        }
        status = name_record(judge, op, previous);
        previous = op;
    }
    return status;
}

rove_status rove__judge_names_told(const rove__hq_store *store, rove__hq_tx *tx,
                                   const rove__staged *staged, rove__answer *answer) {
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < staged->count && status == ROVE_OK; i++) {
        if (answer->rename_count == ROVE_VERDICTS_MAX) {
            break; /* a list has no more */
        }
        if (i == 0 || !same_record(&staged->ops[i], &staged->ops[i - 1])) {
            status = rename_known(store, tx, &staged->ops[i], answer);
        }
        status = status == ROVE_NOT_FOUND ? ROVE_OK : status; /* it is looked at, or waits */
    }
    answer->kind = answer->rename_count > 0 ? ROVE_ANSWER_RENUMBER : answer->kind;
    return status;
}
