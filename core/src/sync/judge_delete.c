/*
 * sync/judge_delete.c - a delete covers what the deleter had seen (P12). An edit that he had not seen keeps the record, or
 * brings it back, marked for review; both go to the conflict log.
 */
#include "base/assert.h"
#include "base/planted.h"
#include "sync/judge_state.h"

#include "rove/entities.pb-c.h"

/* The edit that came back with the record stands against the delete, which the history knows. */
rove_status rove__judge_revive(rove__case *c, const rove__act *act) {
    rove__clash clash = {.kind = ROVE__CONFLICT__KIND__REVIVAL,
                         .kept = {.version = {act->stamps[0].canonical, act->replica}},
                         .write_kept = 1,
                         .raw = act->stamps[0].raw,
                         .user = act->user,
                         .seq = c->after.dead};
    rove__trace trace;

    ROVE_ASSERT(c->after.dead != 0);
    c->after.dead = 0;
    c->after.review++;
    c->changed = 1;
    c->judge->stats->reviews++;
    rove_status status = rove__judge_trace(c, clash.seq, 0, &trace);
    if (status == ROVE_OK && trace.replica != 0) {
        clash.lost.version.replica = trace.replica;
        status = c->judge->store->commit_stamp(c->judge->tx, clash.seq, &clash.lost.version.stamp);
    }
    return status == ROVE_OK ? rove__judge_conflict(c, &clash) : status;
}

/* The newest write that the deleter had not seen; 0 replica: all were seen. */
static rove__clock_entry newest_unseen(const rove__case *c, const rove__act *act) {
    const rove__clock *now = &c->after.clock;
    rove__clock_entry newest = {.version = {0, 0}};

    for (size_t i = 0; i < now->count; i++) {
        rove__clock_entry seen = rove__clock_get(&act->change.clock, now->entries[i].field);
        if (!rove__merge_causal(seen.version, now->entries[i].version, act->replica, act->own) &&
            rove__version_compare(newest.version, now->entries[i].version) < 0) {
            newest = now->entries[i];
        }
    }
    return newest;
}

/* The delete lost against an edit that it had not seen, or against a child. */
static rove_status log_lost(rove__case *c, const rove__act *act, const rove__clock *child) {
    rove__clock_entry unseen = newest_unseen(c, act);
    rove__clash clash = {.kind = ROVE__CONFLICT__KIND__DELETION,
                         .kept = {.version = c->after.clock.base},
                         .lost = {.version = {act->stamps[0].canonical, act->replica}},
                         .raw = act->stamps[0].raw,
                         .user = act->user};

    if (unseen.version.replica != 0) {
        clash.kept.version = unseen.version;
        clash.seq = unseen.seq;
    } else if (child->base.replica != 0) {
        clash.kept.version = child->base;
        clash.other_raw = child->origin.stamp;
    }
    return rove__judge_conflict(c, &clash);
}

typedef struct children {
    rove__case *c;
    const rove__act *act;
    uint32_t entity;
    rove__clock
        unseen; /* of a child that the deleter may not know of; without entries; replica 0: there is none */
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
        rove__clock_init(&list->unseen, row.clock.origin, row.clock.base, row.clock.seq);
        status = ROVE_DONE;
    }
    rove__arena_free(&arena);
    return status;
}

static rove_status find_unseen_child(rove__case *c, const rove__act *act, rove__clock *child) {
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
    *child = list.unseen;
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
    rove__clock child;

    if (c->after.dead != 0) {
        return rove__judge_record(c, &act->change);
    }
    rove_status status = rove__rules_check(&write, &error);
    if (status != ROVE_OK) {
        return rove__judge_refuse(c, act, status, error.message);
    }
    status = find_unseen_child(c, act, &child);
    if (status == ROVE_OK) {
        status = rove__judge_record(c, &act->change);
    }
    if (status != ROVE_OK) {
        return status;
    }
    c->changed = 1;
    if ((covers(c, act) && child.base.replica == 0) || ROVE_PLANTED(P12_DELETE_WINS)) {
        c->after.dead = rove__writer_seq(c->judge->writer);
        return ROVE_OK;
    }
    c->after.review++;
    c->judge->stats->reviews++;
    status = log_lost(c, act, &child);
    return status == ROVE_OK ? rove__judge_verdict(c, act, 0, ROVE_VERDICT_LOST, ROVE_OK, "")
                             : status;
}
