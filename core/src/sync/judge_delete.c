/*
 * sync/judge_delete.c - a delete covers what the deleter had seen (P12). An edit that he had not seen keeps the record, or
 * brings it back, marked for review; both go to the conflict log.
 */
#include "base/assert.h"
#include "base/planted.h"
#include "sync/judge_state.h"

#include "rove/entities.pb-c.h"

static rove_status log_clash(rove__case *c, const rove__act *act, int kind) {
    rove__clash clash = {.kind = kind,
                         .kept = {.version = c->after.clock.base},
                         .lost = {.version = {act->stamps[0].canonical, act->replica}},
                         .write_kept = kind == ROVE__CONFLICT__KIND__REVIVAL,
                         .raw = act->stamps[0].raw,
                         .user = act->user};

    if (clash.write_kept) {
        rove__cell kept = clash.lost;
        clash.lost = clash.kept;
        clash.kept = kept;
    }
    return rove__judge_conflict(c, &clash);
}

rove_status rove__judge_revive(rove__case *c, const rove__act *act) {
    ROVE_ASSERT(c->after.dead != 0);
    c->after.dead = 0;
    c->after.review++;
    c->changed = 1;
    c->judge->stats->reviews++;
    return log_clash(c, act, ROVE__CONFLICT__KIND__REVIVAL);
}

typedef struct children {
    rove__case *c;
    const rove__act *act;
    uint32_t entity;
    rove_id unseen; /* a child that the deleter may not know of */
} children;

static rove_status each_child(void *ctx, rove_id id) {
    children *list = ctx;
    rove__judge *judge = list->c->judge;
    rove__hq_row row;
    rove__arena arena;

    rove__arena_init(&arena, judge->ports->allocator, ROVE_JUDGE_ARENA_MAX);
    rove_status status = judge->store->row_get(judge->tx, list->entity, id, 0, &arena, &row);
    if (status == ROVE_OK && row.clock.seq > list->act->cursor &&
        row.clock.origin.replica != list->act->replica) {
        list->unseen = id;
        status = ROVE_DONE;
    }
    rove__arena_free(&arena);
    return status == ROVE_NOT_FOUND ? ROVE_OK : status;
}

static rove_status has_unseen_child(rove__case *c, const rove__act *act, int *has) {
    const rove__registry *registry = c->judge->ports->registry;
    children list = {.c = c, .act = act};
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < rove__registry_count(registry) && status == ROVE_OK; i++) {
        const rove__entity *entity = rove__registry_at(registry, i);
        if (entity->scope == ROVE_SCOPE_PARENT &&
            entity->fields[entity->scope_field].target == c->entity) {
            list.entity = entity->number;
            status = c->judge->store->row_referring(c->judge->tx, entity->number,
                                                    (size_t)entity->scope_field, c->id, each_child,
                                                    &list);
        }
    }
    *has = list.unseen != 0;
    return status;
}

/* The own number counts unless the cells came by NEED_ROW. */
static int covers(const rove__case *c, const rove__act *act) {
    int salvaged = c->after.author == 0 && c->after.clock.origin.replica == act->replica;

    return rove__merge_delete_covers(&c->after.clock, &act->change.clock, act->replica,
                                     act->own && !salvaged);
}

rove_status rove__judge_delete(rove__case *c, const rove__act *act) {
    rove_error error = {.message = ""};
    rove__write write = {.op = ROVE_OP_DELETE,
                         .actor = ROVE_ACTOR_REP,
                         .registry = c->judge->ports->registry,
                         .before = &c->after.row};
    int unseen = 0;

    if (c->after.dead != 0) {
        return rove__judge_record(c, &act->change);
    }
    rove_status status = rove__rules_check(&write, &error);
    if (status != ROVE_OK) {
        return rove_status_classify(status) == ROVE_CLASS_CALLER
                   ? rove__judge_refuse(c, act, status, error.message)
                   : status;
    }
    status = has_unseen_child(c, act, &unseen);
    if (status == ROVE_OK) {
        status = rove__judge_record(c, &act->change);
    }
    if (status != ROVE_OK) {
        return status;
    }
    c->changed = 1;
    if ((covers(c, act) && !unseen) || ROVE_PLANTED(P12_DELETE_WINS)) {
        c->after.dead = rove__writer_seq(c->judge->writer);
        return ROVE_OK;
    }
    c->after.review++;
    c->judge->stats->reviews++;
    status = log_clash(c, act, ROVE__CONFLICT__KIND__DELETION);
    return status == ROVE_OK ? rove__judge_verdict(c, act, 0, ROVE_VERDICT_LOST, ROVE_OK, "")
                             : status;
}
