/*
 * processes/check.c - the oracle: when nobody is at work and all have synced, what is at headquarters and on the devices is
 * what the ledger says.
 *
 * It reads the tables themselves and asks neither program what they mean: where a write has got to is told by its token.
 *
 *     history    how often the write was judged. Once, or never if its author replaced it himself before it was sent
 *     lost       how often a conflict keeps it as the value that lost. Once at most
 *     current    it is the value that stands
 *
 * Nothing is lost: of each write, it or one that was made on top of it (parent by parent) is current or kept by a conflict.
 * A delete takes only what its author had seen. Increments add up. What is made once is there once.
 */
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#define SQL_SIZE 16384

typedef struct trace {
    unsigned history;
    unsigned lost;
    unsigned rows; /* records that bear it */
    unsigned char current;
    unsigned char kept;    /* it, or what was made on top of it */
    unsigned char sent;    /* it, or what replaced it on the same device */
    unsigned char deleted; /* somebody deleted the record who had seen it */
} trace;

typedef struct checking {
    world *world;
    const ledger *ledger;
    sqlite3 *db; /* headquarters' as h, a device's as d */
    trace *traces;
    unsigned char *live; /* by task */
    int64_t points[ACCOUNTS];
    unsigned tags[ACCOUNTS];
} checking;

typedef void each_row(checking *self, sqlite3_stmt *row);

static void query(checking *self, const char *sql, each_row *each) {
    sqlite3_stmt *row = NULL;
    int code = sqlite3_prepare_v2(self->db, sql, -1, &row, NULL);

    while (code == SQLITE_OK && (code = sqlite3_step(row)) == SQLITE_ROW) {
        if (each != NULL) {
            each(self, row);
        }
        code = SQLITE_OK;
    }
    if (code != SQLITE_DONE) {
        wrong(self->world, "%.200s: %s", sql, sqlite3_errmsg(self->db));
    }
    (void)sqlite3_finalize(row);
}

static int64_t number(checking *self, const char *sql) {
    sqlite3_stmt *row = NULL;
    int64_t result = -1;

    if (sqlite3_prepare_v2(self->db, sql, -1, &row, NULL) == SQLITE_OK &&
        sqlite3_step(row) == SQLITE_ROW) {
        result = sqlite3_column_int64(row, 0);
    } else {
        wrong(self->world, "%.200s: %s", sql, sqlite3_errmsg(self->db));
    }
    (void)sqlite3_finalize(row);
    return result;
}

static unsigned token_at(sqlite3_stmt *row, int column) {
    const void *bytes = sqlite3_column_blob(row, column);
    int size = sqlite3_column_bytes(row, column);
    return bytes != NULL ? token_find(bytes, (size_t)size, NULL) : 0;
}

/* A token that nobody gave out would be a fault of this program. */
static trace *trace_of(checking *self, unsigned token) {
    return token < self->ledger->count ? &self->traces[token] : &self->traces[0];
}

/* ---- where each write has got to --------------------------------------------------------------------------- */

static void each_conflict(checking *self, sqlite3_stmt *row) {
    trace_of(self, token_at(row, 0))->lost++;
}

static unsigned winners[ACCOUNTS][ACCOUNT_FIELDS]; /* of each cell, as the history goes on */

/*
 * An operator's write replaces what stands at that moment, whatever it is: that is its parent, and the order of the
 * history tells which it was.
 */
static void follow(checking *self, unsigned token) {
    act *one = &self->world->ledger.acts[token];

    if (one->kind != ACT_ACCOUNT) {
        return;
    }
    unsigned *winner = &winners[one->where][one->field];
    if (one->who == OPERATOR) {
        one->parent = *winner;
        *winner = token;
    } else if (self->traces[token].lost == 0) {
        *winner = token;
    }
}

static void each_history(checking *self, sqlite3_stmt *row) {
    const void *bytes = sqlite3_column_blob(row, 0);
    size_t size = (size_t)sqlite3_column_bytes(row, 0);
    size_t at = 0;
    unsigned token = 0;

    while (bytes != NULL && (token = token_find(bytes, size, &at)) != 0) {
        trace_of(self, token)->history++;
        if (token < self->ledger->count) {
            follow(self, token);
        }
    }
}

static void each_account(checking *self, sqlite3_stmt *row) {
    int account = atoi((const char *)sqlite3_column_text(row, 0) + 1);

    for (int i = 0; i < ACCOUNT_FIELDS; i++) {
        trace_of(self, token_at(row, 2 + i))->current = 1;
    }
    self->points[account] = sqlite3_column_int64(row, 1);
}

static void each_tag(checking *self, sqlite3_stmt *row) {
    int account = atoi((const char *)sqlite3_column_text(row, 0) + 1);
    self->tags[account] |= 1u << atoi((const char *)sqlite3_column_text(row, 1) + 1);
}

static void each_task(checking *self, sqlite3_stmt *row) {
    unsigned subject = token_at(row, 1);
    int task = ledger_task_of(self->ledger, sqlite3_column_int64(row, 0));

    if (task < 0) {
        wrong(self->world, "headquarters has a task that nobody made, subject ~%06u~", subject);
        return;
    }
    self->live[task] = 1;
    trace_of(self, subject)->current = 1;
    trace_of(self, token_at(row, 2))->current = 1;
}

static void each_bearer(checking *self, sqlite3_stmt *row) {
    trace_of(self, token_at(row, 0))->rows++;
}

static void trace_history(checking *self) {
    memset(winners, 0, sizeof winners);
    query(self, "SELECT lost_value FROM h.conflict WHERE lost_value IS NOT NULL", each_conflict);
    /* Not those of conflicts and reviews, which speak of the writes of others. */
    query(self, "SELECT change FROM h._history WHERE entity NOT IN (22, 23) ORDER BY number",
          each_history);
}

static void trace_rows(checking *self) {
    query(self,
          "SELECT external_id, coalesce(points, 0), phone, website, billing_street, member_number,"
          " description FROM h.account",
          each_account);
    query(self,
          "SELECT a.external_id, t.value FROM h.account_tag_ids e JOIN h.tag t ON t.id = e.element"
          " JOIN h.account a ON a.id = e.id",
          each_tag);
    query(self, "SELECT id, subject, description FROM h.task", each_task);
    query(self, "SELECT text FROM h.note", each_bearer);
    query(self, "SELECT purpose FROM h.visit", each_bearer);
    query(self, "SELECT notes FROM h.visit WHERE sealed_at IS NOT NULL AND notes IS NOT NULL",
          each_bearer);
    query(self,
          "SELECT last_name FROM h.contact c JOIN h.account_contact_role r ON r.contact_id = c.id",
          each_bearer);
}

/* ---- what has to hold of each -------------------------------------------------------------------------------- */

/* Which field of which record it is about, from 0 on. */
static size_t cell_of(const act *one) {
    return one->kind == ACT_ACCOUNT
               ? (size_t)(one->where * ACCOUNT_FIELDS + one->field)
               : (size_t)(ACCOUNTS * ACCOUNT_FIELDS + one->where * TASK_FIELDS + one->field);
}

/*
 * From the last write to the first: what is made on top of a write is younger. A restored headquarters is told again what it
 * lost, by each device in its order but not in the order of before: there a device's next write replaces its last one,
 * whatever had come in between.
 */
static void carry_back(checking *self) {
    size_t cells = ACCOUNTS * ACCOUNT_FIELDS + (size_t)self->ledger->task_count * TASK_FIELDS;
    unsigned *next = calloc(cells * (DEVICES + 1), sizeof *next);

    if (next == NULL) {
        abort();
    }
    for (unsigned i = self->ledger->count; i-- > 1;) {
        const act *one = &self->ledger->acts[i];
        trace *of = &self->traces[i];
        const act *before = &self->ledger->acts[one->parent];
        trace *parent = &self->traces[one->parent];

        of->kept |= of->current | (of->lost > 0);
        of->sent |= of->history > 0;
        if (one->kind > ACT_TASK || one->state == ACT_NOT) {
            continue;
        }
        unsigned *after = &next[cell_of(one) * (DEVICES + 1) + (size_t)one->who];
        if (*after != 0 && one->restores != (int)self->world->totals.restores) {
            of->kept |= self->traces[*after].kept;
            of->deleted |= self->traces[*after].deleted;
        }
        *after = i;
        if (one->parent != 0) {
            parent->kept |= of->kept;
            parent->deleted |= of->deleted;
            parent->sent |= of->sent && one->who == before->who;
        }
    }
    free(next);
}

static void mark_deleted(checking *self) {
    for (unsigned i = 1; i < self->ledger->count; i++) {
        const act *one = &self->ledger->acts[i];
        for (int k = 0; one->kind == ACT_DELETE && one->state == ACT_OK && k < TASK_FIELDS; k++) {
            trace_of(self, one->seen[k])->deleted = 1;
        }
    }
}

static void check_field(checking *self, unsigned i) {
    const act *one = &self->ledger->acts[i];
    const trace *of = &self->traces[i];
    int gone = one->kind == ACT_TASK && !self->live[one->where];

    /* A row that another device brought back, and work accepted against it, may tell of one loss twice. */
    int told_twice = of->lost > 1 && one->restores == (int)self->world->totals.restores;

    if (of->history > 1 || told_twice) {
        wrong(self->world, "~%06u~ was judged %u times, and lost %u times", i, of->history,
              of->lost);
    }
    if (one->state != ACT_OK) {
        return;
    }
    /* What a restored headquarters lacked may have come with the record as another device had it (P15). */
    if (!of->sent && !of->deleted && one->restores == (int)self->world->totals.restores) {
        wrong(self->world, "~%06u~ of %d never came to headquarters", i, one->who);
    }
    if (!of->kept && !of->deleted) {
        wrong(self->world, "~%06u~ of %d was %s by somebody who had not seen it", i, one->who,
              gone ? "deleted" : "overwritten");
    }
}

/* Whether the deleter had seen the write: what he saw was made on top of it. */
static int had_seen(const ledger *self, const act *deleted, unsigned token) {
    for (int k = 0; k < TASK_FIELDS; k++) {
        unsigned at = deleted->seen[k];
        while (at > token) {
            at = self->acts[at].parent;
        }
        if (at == token) {
            return 1;
        }
    }
    return 0;
}

/* A task that was deleted is back only where somebody wrote what the delete had not seen, or headquarters was restored. */
static void check_delete(checking *self, unsigned i) {
    const act *deleted = &self->ledger->acts[i];
    int unseen = deleted->restores != (int)self->world->totals.restores;

    for (unsigned k = 1; k < self->ledger->count && !unseen; k++) {
        const act *one = &self->ledger->acts[k];
        unseen = one->kind == ACT_TASK && one->where == deleted->where && one->state == ACT_OK &&
                 !had_seen(self->ledger, deleted, k);
    }
    if (deleted->state == ACT_OK && self->live[deleted->where] && !unseen) {
        wrong(self->world, "task %d is back, and nobody had written what its deleter had not seen",
              deleted->where);
    }
}

static void check_bearer(checking *self, unsigned i) {
    const act *one = &self->ledger->acts[i];
    const trace *of = &self->traces[i];
    unsigned expected = one->state == ACT_OK;

    if (of->rows != expected) {
        wrong(self->world, "~%06u~ of %d is there %u times instead of %u", i, one->who, of->rows,
              expected);
    }
}

static void check_sums(checking *self) {
    int64_t points[ACCOUNTS] = {0};
    unsigned tags[ACCOUNTS] = {0};

    for (unsigned i = 1; i < self->ledger->count; i++) {
        const act *one = &self->ledger->acts[i];
        if (one->kind == ACT_POINTS && one->state == ACT_OK) {
            points[one->where] += one->amount;
        }
        if (one->kind == ACT_TAG && one->state == ACT_OK) {
            unsigned bit = 1u << one->field;
            tags[one->where] = one->amount > 0 ? tags[one->where] | bit : tags[one->where] & ~bit;
        }
    }
    for (int i = 0; i < ACCOUNTS; i++) {
        if (points[i] != self->points[i]) {
            wrong(self->world, "a%d has %" PRId64 " points instead of %" PRId64, i, self->points[i],
                  points[i]);
        }
        if (tags[i] != self->tags[i]) {
            wrong(self->world, "a%d has the tags %x instead of %x", i, self->tags[i], tags[i]);
        }
    }
}

static void check_writes(checking *self) {
    mark_deleted(self);
    carry_back(self);
    for (unsigned i = 1; i < self->ledger->count; i++) {
        const act *one = &self->ledger->acts[i];
        const trace *of = &self->traces[i];
        if (one->state == ACT_NOT && (of->history > 0 || of->rows > 0 || of->current)) {
            wrong(self->world, "~%06u~ was never made, and is there", i);
        }
        switch (one->kind) {
        case ACT_ACCOUNT:
        case ACT_TASK:
            check_field(self, i);
            break;
        case ACT_DELETE:
            check_delete(self, i);
            break;
        case ACT_NOTE:
        case ACT_CONTACT:
        case ACT_VISIT:
        case ACT_FINISH:
            check_bearer(self, i);
            break;
        case ACT_POINTS:
        case ACT_TAG:
            break;
        }
        self->world->totals.checked += one->state == ACT_OK;
    }
    check_sums(self);
}

/* ---- the devices ------------------------------------------------------------------------------------------------ */

/* Lists "id, \"name\", ..." of the columns that both have; 0: the table is in one of them only. */
static int common_columns(checking *self, const char *table, char *out, size_t size) {
    char sql[400];
    sqlite3_stmt *row = NULL;
    size_t used = 0;

    (void)snprintf(sql, sizeof sql,
                   "SELECT name FROM pragma_table_info('%s', 'h') WHERE name NOT IN ('_root',"
                   " '_part', '_whole', '_author', '_review', '_pending') AND name IN (SELECT name"
                   " FROM pragma_table_info('%s', 'd'))",
                   table, table);
    if (sqlite3_prepare_v2(self->db, sql, -1, &row, NULL) == SQLITE_OK) {
        while (sqlite3_step(row) == SQLITE_ROW && used < size) {
            used += (size_t)snprintf(out + used, size - used, "%s\"%s\"", used > 0 ? ", " : "",
                                     (const char *)sqlite3_column_text(row, 0));
        }
    }
    (void)sqlite3_finalize(row);
    return used > 0;
}

static void compare_table(checking *self, const device *one, const char *table) {
    static char columns[SQL_SIZE / 4];
    static char sql[SQL_SIZE];

    if (!common_columns(self, table, columns, sizeof columns)) {
        return;
    }
    (void)snprintf(sql, sizeof sql,
                   "SELECT count(*) FROM (SELECT %s FROM d.\"%s\" EXCEPT SELECT %s FROM h.\"%s\""
                   " WHERE _root IN (SELECT root FROM held))",
                   columns, table, columns, table);
    int64_t more = number(self, sql);
    (void)snprintf(sql, sizeof sql,
                   "SELECT count(*) FROM (SELECT %s FROM h.\"%s\" WHERE _root IN (SELECT root FROM"
                   " held) EXCEPT SELECT %s FROM d.\"%s\")",
                   columns, table, columns, table);
    int64_t fewer = number(self, sql);
    if (more != 0 || fewer != 0) {
        wrong(self->world,
              "%s: %s: %" PRId64 " rows are not headquarters', %" PRId64 " of its are not here",
              one->name, table, more, fewer);
    }
}

static void attach(checking *self, const char *path, const char *name) {
    char sql[PATH_SIZE + 400];
    (void)snprintf(sql, sizeof sql, "ATTACH 'file:%s?mode=ro' AS %s", path, name);
    query(self, sql, NULL);
}

static void check_sound(checking *self, const char *name, const char *whose) {
    char sql[40];
    sqlite3_stmt *row = NULL;

    (void)snprintf(sql, sizeof sql, "PRAGMA %s.integrity_check", name);
    if (sqlite3_prepare_v2(self->db, sql, -1, &row, NULL) != SQLITE_OK ||
        sqlite3_step(row) != SQLITE_ROW ||
        strcmp((const char *)sqlite3_column_text(row, 0), "ok") != 0) {
        wrong(self->world, "%s: the database is not sound", whose);
    }
    (void)sqlite3_finalize(row);
}

/* What the rep is entitled to: his accounts, the people there, what is his own, and what everybody has. */
static void hold(checking *self, const device *one) {
    char sql[200];

    query(self, "DELETE FROM held", NULL);
    (void)snprintf(sql, sizeof sql, "INSERT INTO held VALUES(0), (%" PRId64 ")",
                   self->world->users[one->user]);
    query(self, sql, NULL);
    for (int i = 0; i < ACCOUNTS; i++) {
        if (self->world->holders[i] == one->user) {
            (void)snprintf(sql, sizeof sql,
                           "INSERT INTO held SELECT id FROM h.account WHERE external_id = 'a%d'",
                           i);
            query(self, sql, NULL);
        }
    }
    query(self,
          "INSERT INTO held SELECT contact_id FROM h.account_contact_role WHERE account_id IN"
          " (SELECT root FROM held)",
          NULL);
}

static void check_device(checking *self, device *one) {
    static const char *const zeros[] = {"pending", "rejections", "quarantined", "differing",
                                        "former_batches"};
    char path[PATH_SIZE + 32];
    json_t *status = world_ask(self->world, self->world->rove, "--plain", "--replica", one->folder,
                               "--json", "status", NULL);

    for (size_t i = 0; i < sizeof zeros / sizeof zeros[0]; i++) {
        if (json_integer_value(json_object_get(status, zeros[i])) != 0) {
            wrong(self->world, "%s: %s is %lld", one->name, zeros[i],
                  (long long)json_integer_value(json_object_get(status, zeros[i])));
        }
    }
    if (json_integer_value(json_object_get(status, "replica")) != one->replica) {
        wrong(self->world, "%s: it took itself for a copy, and has another number", one->name);
    }
    json_decref(status);
    if (world_run(self->world, NULL, self->world->rove, "--plain", "--replica", one->folder,
                  "verify", NULL) != 0) {
        wrong(self->world, "%s: the replica is not sound", one->name);
    }
    (void)snprintf(path, sizeof path, "%s/replica.db", one->folder);
    attach(self, path, "d");
    hold(self, one);
    sqlite3_stmt *row = NULL;
    if (sqlite3_prepare_v2(self->db,
                           "SELECT name FROM h.sqlite_master WHERE type = 'table' AND name NOT LIKE"
                           " '\\_%' ESCAPE '\\' AND EXISTS (SELECT 1 FROM pragma_table_info(name,"
                           " 'h') WHERE name = '_root')",
                           -1, &row, NULL) == SQLITE_OK) {
        while (sqlite3_step(row) == SQLITE_ROW) {
            compare_table(self, one, (const char *)sqlite3_column_text(row, 0));
        }
    }
    (void)sqlite3_finalize(row);
    check_sound(self, "d", one->name);
    query(self, "DETACH d", NULL);
}

/* Reads headquarters' database of that name. */
static void open_check(checking *it, world *self, const char *path) {
    *it = (checking){.world = self, .ledger = &self->ledger};
    it->traces = calloc(self->ledger.count, sizeof *it->traces);
    it->live = calloc(self->ledger.task_count + 1, 1);
    if (it->traces == NULL || it->live == NULL ||
        sqlite3_open_v2(":memory:", &it->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI,
                        NULL) != SQLITE_OK) {
        abort();
    }
    attach(it, path, "h");
}

static void close_check(checking *it) {
    (void)sqlite3_close(it->db);
    free(it->traces);
    free(it->live);
}

void check_parents(world *self, const char *path) {
    checking it;

    open_check(&it, self, path);
    trace_history(&it);
    close_check(&it);
}

void check_all(world *self) {
    checking it;
    char path[PATH_SIZE + 32];

    (void)snprintf(path, sizeof path, "%s/hq.db", self->data);
    open_check(&it, self, path);
    query(&it, "CREATE TEMP TABLE held(root INTEGER)", NULL);
    check_sound(&it, "h", "headquarters");
    trace_history(&it);
    trace_rows(&it);
    self->totals.checked = 0;
    check_writes(&it);
    self->totals.conflicts = (unsigned)number(&it, "SELECT count(*) FROM h.conflict");
    if (number(&it, "SELECT count(*) FROM h._parked") != 0) {
        wrong(self, "work is still parked at headquarters");
    }
    for (int i = 0; i < DEVICES; i++) {
        check_device(&it, &self->devices[i]);
    }
    close_check(&it);
}
