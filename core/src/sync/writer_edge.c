/*
 * sync/writer_edge.c - who holds what: grants, and the entailments that AccountContactRole rows stand for (P14, Q4).
 *
 * A live role row is one open edge account -> contact. Edges of one row follow each other without a gap: the
 * old one ends at the seq at which the new one begins. The first edge to a contact ends what its author held
 * of it as its author, never before the seq at which he made it.
 */
#include "base/assert.h"
#include "sync/writer_state.h"

#define GRANTS_MAX 64u /* grants of one contact to its authors, ended in one go */

static void assigned(rove__writer *writer) {
    writer->head.assigned = writer->seq;
    writer->touched = 1;
}

/* ---- grants --------------------------------------------------------------------------------------------- */

typedef struct grants {
    rove__hq_grant items[GRANTS_MAX];
    size_t count;
    int author_only;
} grants;

static rove_status each_open_grant(void *ctx, const rove__hq_grant *grant) {
    grants *found = ctx;

    if (grant->to == ROVE_SEQ_OPEN && (grant->author || !found->author_only)) {
        if (found->count == GRANTS_MAX) {
            return ROVE_DONE;
        }
        found->items[found->count++] = *grant;
    }
    return ROVE_OK;
}

static rove_status put(rove__writer *writer, const rove__hq_grant *grant) {
    const rove__news *news = writer->options.news;
    rove__touch touch = {
        .seq = writer->seq, .replica = writer->options.replica, .user = grant->user};

    assigned(writer);
    if (news != NULL) {
        news->touched(news->ctx, &touch);
    }
    return writer->options.store->grant_put(writer->tx, grant);
}

static rove_status grant_end(rove__writer *writer, const rove__hq_grant *grant, uint64_t to) {
    rove__hq_grant ended = *grant;

    ended.to = to;
    return put(writer, &ended);
}

rove_status rove__writer_grant_put(rove__writer *writer, const rove__hq_grant *grant,
                                   rove_error *error) {
    if (grant->user <= 0 || grant->root <= 0 || grant->part_from > grant->part_to) {
        return rove__writer_fail(writer, ROVE_INVALID, error);
    }
    return rove__writer_fail(writer, put(writer, grant), error);
}

rove_status rove__writer_grant(rove__writer *writer, rove_id user, rove_id root, int author,
                               rove_error *error) {
    grants found = {.count = 0};
    rove__hq_grant grant = {.user = user,
                            .root = root,
                            .part_from = ROVE_PART_FIRST,
                            .part_to = ROVE_PART_LAST,
                            .from = writer->seq,
                            .to = ROVE_SEQ_OPEN,
                            .author = author};
    rove_status status =
        writer->options.store->grant_scan(writer->tx, user, root, each_open_grant, &found);

    for (size_t i = 0; i < found.count && status == ROVE_OK; i++) {
        const rove__hq_grant *open = &found.items[i];
        if (open->part_from == ROVE_PART_FIRST && open->part_to == ROVE_PART_LAST) {
            if (author || !open->author) {
                return ROVE_OK;
            }
            grant.from = open->from;
        }
    }
    if (status != ROVE_OK) {
        return rove__writer_fail(writer, status, error);
    }
    return rove__writer_grant_put(writer, &grant, error);
}

rove_status rove__writer_revoke_grant(rove__writer *writer, rove_id user, rove_id root,
                                      rove_error *error) {
    rove_status status = ROVE_OK;
    grants found = {.count = 0};

    do {
        found.count = 0;
        status = writer->options.store->grant_scan(writer->tx, user, root, each_open_grant, &found);
        for (size_t i = 0; i < found.count && status == ROVE_OK; i++) {
            status = grant_end(writer, &found.items[i], writer->seq);
        }
    } while (status == ROVE_OK && found.count == GRANTS_MAX);
    return rove__writer_fail(writer, status, error);
}

/* ---- entailments ---------------------------------------------------------------------------------------- */

typedef struct edge {
    rove_id holder;
    rove_id entailed;
} edge;

typedef struct edge_search {
    rove_id via;
    rove__hq_entailment found;
    int any;
} edge_search;

static rove_status each_edge(void *ctx, const rove__hq_entailment *e) {
    edge_search *search = ctx;

    if (e->via == search->via && e->to == ROVE_SEQ_OPEN) {
        search->found = *e;
        search->any = 1;
        return ROVE_DONE;
    }
    return ROVE_OK;
}

static rove_id reference(const rove__row *row, size_t ordinal) {
    return row->cells[ordinal].type == ROVE_INT ? row->cells[ordinal].as.integer : 0;
}

/* What a row entails: nothing if it is none, dead, or has an end missing. */
static edge edge_of(const rove__writer *writer, const rove__hq_row *row) {
    edge none = {0, 0};

    if (row == NULL || row->dead != 0) {
        return none;
    }
    edge made = {reference(&row->row, writer->role_holder),
                 reference(&row->row, writer->role_entailed)};
    return made.holder > 0 && made.entailed > 0 ? made : none;
}

static rove_status edge_close(rove__writer *writer, rove_id via, edge old) {
    const rove__hq_store *store = writer->options.store;
    edge_search search = {.via = via};
    rove_status status =
        store->entailment_scan(writer->tx, old.holder, old.entailed, each_edge, &search);

    if (status == ROVE_OK && search.any) {
        writer->ended = 1;
        search.found.to = writer->seq;
        status = store->entailment_put(writer->tx, &search.found);
    }
    return status;
}

static rove_status edge_open(rove__writer *writer, rove_id via, edge made) {
    grants found = {.author_only = 1};

    writer->begun =
        (rove__hq_entailment){made.holder, made.entailed, via, writer->seq, ROVE_SEQ_OPEN};
    rove_status status = writer->options.store->entailment_put(writer->tx, &writer->begun);

    if (status == ROVE_OK) {
        status = writer->options.store->grant_scan(writer->tx, 0, made.entailed, each_open_grant,
                                                   &found);
    }
    for (size_t i = 0; i < found.count && status == ROVE_OK; i++) {
        uint64_t least = found.items[i].from + 1;
        writer->ended = 1;
        status = grant_end(writer, &found.items[i], least > writer->seq ? least : writer->seq);
    }
    return status;
}

rove_status rove__writer_edges(rove__writer *writer, const rove__hq_row *before,
                               const rove__hq_row *after) {
    rove_status status = ROVE_OK;

    if (writer->role == NULL || after->row.entity != writer->role) {
        return ROVE_OK;
    }
    writer->begun = (rove__hq_entailment){.holder = 0};
    writer->ended = 0;
    edge old = edge_of(writer, before);
    edge made = edge_of(writer, after);
    if (old.holder == made.holder && old.entailed == made.entailed) {
        return ROVE_OK;
    }
    if (old.holder != 0) {
        status = edge_close(writer, after->row.id, old);
    }
    if (status == ROVE_OK && made.holder != 0) {
        status = edge_open(writer, after->row.id, made);
    }
    assigned(writer);
    return status;
}

int rove__writer_edge(const rove__writer *writer, rove__hq_entailment *begun) {
    *begun = writer->begun;
    return writer->ended;
}
