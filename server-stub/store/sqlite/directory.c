/*
 * store/sqlite/directory.c - enrolment codes, administrative acts, plans, settings, and an operator's look-ups.
 */
#include <string.h>

#include "base/assert.h"
#include "store/sqlite/lite.h"

/* ---- codes ---------------------------------------------------------------------------------------------- */

#define CODE_COLUMNS "hash, user, made_ms, until_ms, tries_left, used_ms, replica"

static void read_code(rove__lite_statement *s, rove__hq_code *code) {
    rove__lite_copy(s, 0, code->hash, sizeof code->hash);
    code->user = rove__lite_int(s, 1);
    code->made_ms = rove__lite_int(s, 2);
    code->until_ms = rove__lite_int(s, 3);
    code->tries_left = (int)rove__lite_int(s, 4);
    code->used_ms = rove__lite_int(s, 5);
    code->replica = (rove_replica)rove__lite_int(s, 6);
}

static rove_status code_put(rove__hq_tx *tx, const rove__hq_code *code) {
    rove__lite_statement s = rove__lite_open(tx, "INSERT OR REPLACE INTO _code(" CODE_COLUMNS
                                                 ") VALUES(?, ?, ?, ?, ?, ?, ?)");

    rove__lite_bind_blob(&s, code->hash, sizeof code->hash);
    rove__lite_bind_int(&s, code->user);
    rove__lite_bind_int(&s, code->made_ms);
    rove__lite_bind_int(&s, code->until_ms);
    rove__lite_bind_int(&s, code->tries_left);
    rove__lite_bind_int(&s, code->used_ms);
    rove__lite_bind_int(&s, code->replica);
    return rove__lite_run(&s);
}

static rove_status code_get(rove__hq_tx *tx, const uint8_t hash[ROVE_SHA256_SIZE],
                            rove__hq_code *code) {
    rove__lite_statement s =
        rove__lite_open(tx, "SELECT " CODE_COLUMNS " FROM _code WHERE hash = ?");

    memset(code, 0, sizeof *code);
    rove__lite_bind_blob(&s, hash, ROVE_SHA256_SIZE);
    if (rove__lite_get(&s)) {
        read_code(&s, code);
    }
    return rove__lite_end(&s);
}

static rove_status code_scan(rove__hq_tx *tx, rove_status (*each)(void *, const rove__hq_code *),
                             void *each_ctx) {
    rove__lite_statement s =
        rove__lite_open(tx, "SELECT " CODE_COLUMNS " FROM _code ORDER BY made_ms, hash");
    rove__hq_code code;

    while (rove__lite_next(&s)) {
        read_code(&s, &code);
        if (s.status == ROVE_OK) {
            s.status = each(each_ctx, &code);
        }
    }
    return rove__lite_end(&s);
}

/* ---- acts ----------------------------------------------------------------------------------------------- */

static rove_status act_put(rove__hq_tx *tx, rove__hq_act *act) {
    rove__lite_statement s = rove__lite_open(
        tx, "INSERT INTO _act(at_ms, operator, act, detail, seq) VALUES(?, ?, ?, ?, ?)");

    rove__lite_bind_int(&s, act->at_ms);
    rove__lite_bind_text(&s, act->operator_name);
    rove__lite_bind_text(&s, act->act);
    rove__lite_bind_text(&s, act->detail);
    rove__lite_bind_u64(&s, act->seq);
    rove_status status = rove__lite_run(&s);
    if (status == ROVE_OK) {
        act->number = sqlite3_last_insert_rowid(tx->db);
    }
    return status;
}

static rove_status act_scan(rove__hq_tx *tx, rove_status (*each)(void *, const rove__hq_act *),
                            void *each_ctx) {
    rove__lite_statement s = rove__lite_open(
        tx, "SELECT number, at_ms, operator, act, detail, seq FROM _act ORDER BY number DESC");

    while (rove__lite_next(&s)) {
        rove__hq_act act = {
            .number = rove__lite_int(&s, 0),
            .at_ms = rove__lite_int(&s, 1),
            .operator_name = rove__lite_text(&s, 2),
            .act = rove__lite_text(&s, 3),
            .detail = rove__lite_text(&s, 4),
            .seq = rove__lite_u64(&s, 5),
        };
        s.status = each(each_ctx, &act);
    }
    return rove__lite_end(&s);
}

/* ---- plans ---------------------------------------------------------------------------------------------- */

static rove_status plan_put(rove__hq_tx *tx, rove__hq_plan *plan) {
    const rove_value number =
        plan->number == 0 ? rove__value_null() : rove__value_int(plan->number);
    rove__lite_statement s = rove__lite_open(
        tx, "INSERT OR REPLACE INTO _plan(number, made_ms, due_ms, ended_ms, operator,"
            " words, state, detail) VALUES(?, ?, ?, ?, ?, ?, ?, ?)");

    rove__lite_bind_value(&s, &number);
    rove__lite_bind_int(&s, plan->made_ms);
    rove__lite_bind_int(&s, plan->due_ms);
    rove__lite_bind_int(&s, plan->ended_ms);
    rove__lite_bind_text(&s, plan->operator_name);
    rove__lite_bind_bytes(&s, plan->words);
    rove__lite_bind_int(&s, plan->state);
    rove__lite_bind_text(&s, plan->detail);
    rove_status status = rove__lite_run(&s);
    if (status == ROVE_OK && plan->number == 0) {
        plan->number = sqlite3_last_insert_rowid(tx->db);
    }
    return status;
}

static rove_status plan_scan(rove__hq_tx *tx, rove__arena *arena,
                             rove_status (*each)(void *, const rove__hq_plan *), void *each_ctx) {
    rove__lite_statement s = rove__lite_open(
        tx, "SELECT number, made_ms, due_ms, ended_ms, operator, words, state, detail"
            " FROM _plan ORDER BY due_ms, number");

    while (rove__lite_next(&s)) {
        rove__arena_reset(arena);
        rove__hq_plan plan = {
            .number = rove__lite_int(&s, 0),
            .made_ms = rove__lite_int(&s, 1),
            .due_ms = rove__lite_int(&s, 2),
            .ended_ms = rove__lite_int(&s, 3),
            .operator_name = rove__lite_text_copy(&s, 4, arena),
            .words = rove__lite_bytes(&s, 5, arena),
            .state = (rove__hq_plan_state)rove__lite_int(&s, 6),
            .detail = rove__lite_text_copy(&s, 7, arena),
        };
        if (s.status == ROVE_OK) {
            s.status = each(each_ctx, &plan);
        }
    }
    return rove__lite_end(&s);
}

/* ---- settings ------------------------------------------------------------------------------------------- */

static rove_status setting_get(rove__hq_tx *tx, const char *key, rove__arena *arena,
                               rove__bytes *value) {
    rove__lite_statement s = rove__lite_open(tx, "SELECT value FROM _setting WHERE key = ?");

    *value = (rove__bytes){NULL, 0};
    rove__lite_bind_text(&s, key);
    if (rove__lite_get(&s)) {
        *value = rove__lite_bytes(&s, 0, arena);
    }
    return rove__lite_end(&s);
}

static rove_status setting_put(rove__hq_tx *tx, const char *key, rove__bytes value) {
    rove__lite_statement s =
        rove__lite_open(tx, "INSERT OR REPLACE INTO _setting(key, value) VALUES(?, ?)");

    rove__lite_bind_text(&s, key);
    rove__lite_bind_bytes(&s, value);
    return rove__lite_run(&s);
}

/* ---- rows ----------------------------------------------------------------------------------------------- */

static rove_status row_find(rove__hq_tx *tx, uint32_t number, int ordinal, const rove_value *value,
                            rove__arena *arena, rove_status (*each)(void *, const rove__hq_row *),
                            void *each_ctx) {
    const rove__entity *entity = rove__lite_entity(tx, number);
    rove__lite_kind kind = ROVE_LITE_ALL;

    if (entity == NULL) {
        return ROVE_UNKNOWN_ENTITY;
    }
    ROVE_ASSERT(ordinal < (int)entity->field_count);
    if (ordinal >= 0 && value->type == ROVE_NULL) {
        kind = ROVE_LITE_FIND_NULL;
    } else if (ordinal >= 0) {
        kind =
            entity->fields[ordinal].kind == ROVE_KIND_SET ? ROVE_LITE_FIND_ELEMENT : ROVE_LITE_FIND;
    }
    rove__lite_statement s =
        rove__lite_open_kind(tx, entity, kind, ordinal < 0 ? 0 : (size_t)ordinal);
    if (kind == ROVE_LITE_FIND || kind == ROVE_LITE_FIND_ELEMENT) {
        rove__lite_bind_value(&s, value);
    }
    return rove__lite_each_row(&s, entity, arena, each, each_ctx);
}

static rove_status row_page(rove__hq_tx *tx, uint32_t number, int ordinal, int64_t value,
                            rove_id after, rove__arena *arena,
                            rove_status (*each)(void *, const rove__hq_row *), void *each_ctx) {
    const rove__entity *entity = rove__lite_entity(tx, number);

    if (entity == NULL) {
        return ROVE_UNKNOWN_ENTITY;
    }
    ROVE_ASSERT(ordinal < (int)entity->field_count);
    rove__lite_statement s =
        rove__lite_open_kind(tx, entity, ordinal < 0 ? ROVE_LITE_PAGE : ROVE_LITE_PAGE_FIND,
                             ordinal < 0 ? 0 : (size_t)ordinal);
    rove__lite_bind_int(&s, after);
    if (ordinal >= 0) {
        rove__lite_bind_int(&s, value);
    }
    return rove__lite_each_row(&s, entity, arena, each, each_ctx);
}

static rove_status row_count(rove__hq_tx *tx, uint32_t number, uint64_t *count) {
    const rove__entity *entity = rove__lite_entity(tx, number);

    *count = 0;
    if (entity == NULL) {
        return ROVE_UNKNOWN_ENTITY;
    }
    rove__lite_statement s = rove__lite_open_kind(tx, entity, ROVE_LITE_COUNT, 0);
    if (rove__lite_next(&s)) {
        *count = rove__lite_u64(&s, 0);
    }
    return rove__lite_end(&s);
}

static rove_status commit_get(rove__hq_tx *tx, uint64_t seq, rove__arena *arena,
                              rove__hq_commit *commit) {
    rove__lite_statement s = rove__lite_open(
        tx, "SELECT stamp, replica, user, operator, act FROM _commit WHERE seq = ?");

    memset(commit, 0, sizeof *commit);
    rove__lite_bind_u64(&s, seq);
    if (rove__lite_get(&s)) {
        commit->seq = seq;
        commit->stamp = rove__lite_u64(&s, 0);
        commit->replica = (rove_replica)rove__lite_int(&s, 1);
        commit->user = rove__lite_int(&s, 2);
        commit->operator_name = rove__lite_text_copy(&s, 3, arena);
        commit->act = rove__lite_text_copy(&s, 4, arena);
    }
    return rove__lite_end(&s);
}

void rove__lite_fill_directory(rove__hq_directory *directory) {
    directory->code_put = code_put;
    directory->code_get = code_get;
    directory->code_scan = code_scan;
    directory->act_put = act_put;
    directory->act_scan = act_scan;
    directory->plan_put = plan_put;
    directory->plan_scan = plan_scan;
    directory->setting_get = setting_get;
    directory->setting_put = setting_put;
    directory->row_find = row_find;
    directory->row_page = row_page;
    directory->row_count = row_count;
    directory->commit_get = commit_get;
}
