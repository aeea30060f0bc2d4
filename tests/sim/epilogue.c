/*
 * sim/epilogue.c - when all is at rest and was looked at, one thing more is done, of which is known exactly what it may cost:
 * what is sent in vain mends itself, and so leaves nothing behind that could be seen in any other way.
 */
#include "client/internal.h"
#include "crowd.h"
#include "gather.h"
#include "store/internal.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_MAX ((size_t)8 * 1024 * 1024)
#define MINUTE_MS INT64_C(60000)
#define PAGE_ROWS 4
#define CUTS_MAX  400
#define MANY      4300         /* rows, so that a scope has buckets */
#define BYTES_MAX 200          /* of an answer: it ends with its first page */
#define LOST_MORE 6            /* edits past what may wait */
#define NEXT_STEP "call again" /* what they say */

/* ---- records of headquarters ---------------------------------------------------------------------------- */

typedef struct heap {
    office *o;
    ledger_kind kind;
    rove_id about;
    int64_t at_ms;
    size_t count;
    rove_id last;
} heap;

static rove_status insert_one(heap *h, rove__writer *writer, rove__arena *arena,
                              rove_error *error) {
    const ledger_entity *entity = &ledger_entities[h->kind];
    const rove__entity *type =
        rove__registry_by_name(hq_registry(h->o->hq), ledger_entities[h->kind].name);
    char key[LEDGER_KEY_SIZE];
    rove__row row;
    rove__arena_reset(arena);
    ledger_text('r', ledger_record_new(&h->o->w->ledger, h->kind, 0), key);
    rove_status status = rove__row_init(&row, type, 0, arena);
    if (status != ROVE_OK) {
        return status;
    }
    rove__row_set(&row, (size_t)rove__entity_field_named(type, entity->key), rove__value_text(key));
    rove__row_set(&row, (size_t)rove__entity_field_named(type, entity->scope),
                  rove__value_int(h->about));
    rove__row_set(&row,
                  (size_t)rove__entity_field_named(type, h->kind == LEDGER_VISIT ? "planned_start"
                                                                                 : "created_at"),
                  rove__value_int(h->at_ms));
    status = rove__writer_insert(writer, &row, error);
    h->last = row.id;
    return status;
}

static rove_status insert_job(void *ctx, rove__hq_tx *tx, rove_error *error) {
    heap *h = ctx;
    rove__writer *writer = NULL;
    rove__arena arena;
    uint64_t seq = 0;
    rove__arena_init(&arena, &h->o->ports.allocator, ARENA_MAX);
    rove_status status = hq_writer(h->o->hq, tx, "ada", "import", &writer, error);
    for (size_t i = 0; i < h->count && status == ROVE_OK; i++) {
        status = insert_one(h, writer, &arena, error);
    }
    if (status == ROVE_OK) {
        status = rove__writer_finish(writer, &seq, error);
    } else {
        rove__writer_abandon(writer);
    }
    rove__arena_free(&arena);
    return status;
}

/* An account that the device shows; 0: none. */
static uint32_t held_account(device *d, rove_id *id) {
    const ledger *l = &d->w->ledger;
    for (uint32_t i = 1; i < l->record_count; i++) {
        if (l->records[i].kind == LEDGER_ACCOUNT && (*id = device_find(d, i)) != 0) {
            return i;
        }
    }
    return 0;
}

static int put_many(device *d, heap *h) {
    rove_error error = {0};
    rove_status status = hq_commit(d->w->office.hq, insert_job, h, &error);
    if (status != ROVE_OK) {
        VIOLATED(d->w, "I22", "records at headquarters: %s: %s", rove_status_name(status),
                 error.message);
    }
    return status == ROVE_OK;
}

/* ---- a newcomer's download that is cut again and again (Q7) --------------------------------------------- */

static size_t rows_of(device *d, const char *sql) {
    return (size_t)device_number(d, sql, 0, 0);
}

static void check_first_page(device *d) {
    size_t visits = rows_of(d, "SELECT count(*) FROM visit WHERE ?1 = 0");
    size_t accounts = rows_of(d, "SELECT count(*) FROM account WHERE ?1 = 0");
    if (accounts > 0 || visits == 0) {
        VIOLATED(d->w, "Q7", "a newcomer has %zu accounts before all of today's visits", accounts);
    }
}

static void newcomer(world *w, device *held) {
    rove_sync_options options = {.size = sizeof options, .bytes_max = BYTES_MAX};
    rove_error error = {0};
    rove_id account = 0;
    rove_status status = ROVE_LIMIT;
    rove_state state = {.size = sizeof state};
    size_t rows = 0;
    size_t cuts = 0;
    if (held_account(held, &account) == 0 || w->plan->devices == PLAN_DEVICES_MAX) {
        return;
    }
    heap today = {.o = &w->office,
                  .kind = LEDGER_VISIT,
                  .about = account,
                  .at_ms = sim_machine_wall_ms(&w->office.machine),
                  .count = PAGE_ROWS + 1};
    device *d = &w->devices[w->plan->devices];
    world_open_device(w, w->plan->devices, held->user);
    w->office.page_rows = PAGE_ROWS;
    for (; put_many(held, &today) && status == ROVE_LIMIT && cuts < CUTS_MAX; cuts++) {
        rove_sync_report report = {0};
        today.count = 0;
        status = rove_sync(d->replica, &options, &report, &error);
        /* Before any page it may be asked for what others' edits wait for (P15). */
        if (rows == 0 && report.rows_applied > 0) {
            check_first_page(d);
        }
        rows += report.rows_applied;
        if (status == ROVE_LIMIT && rove_read_state(d->replica, &state, &error) == ROVE_OK &&
            state.records > 0 && state.seq == 0 && !state.catching_up) {
            VIOLATED(w, "I7", "a newcomer has a part of his download, and does not say so");
        }
    }
    if (rove_read_state(d->replica, &state, &error) == ROVE_OK && status == ROVE_OK && rows > 0 &&
        rows <= 2 * (size_t)state.records + 4 * PAGE_ROWS) {
        world_says(w, "a newcomer has %llu records after %zu rows and %zu cuts",
                   (unsigned long long)state.records, rows, cuts);
    } else {
        VIOLATED(w, "Q7", "a newcomer's download of %llu records took %zu rows and %zu cuts: %s",
                 (unsigned long long)state.records, rows, cuts, rove_status_name(status));
    }
    device_end(d);
    w->counts->newcomers++;
}

/* ---- a restore after which all that was lost is written again (T1) -------------------------------------- */

static void timeline(world *w, device *d) {
    rove_sync_report report;
    rove_id account = 0;
    /* What lay in its drop box, and a backup had not, goes before. */
    (void)device_sync_calm(d, &report);
    uint32_t record = held_account(d, &account);
    if (record == 0 || !acts_back_up(&w->office)) {
        return;
    }
    uint64_t renewed = w->counts->renewals;
    acts_set(&w->office, record, account, 0);
    (void)device_sync_calm(d, &report);
    if (w->counts->renewals != renewed) {
        return; /* the record of its key would not be written again */
    }
    acts_restore(&w->office);
    office_start(&w->office);
    acts_set(&w->office, record, account, 1);
    uint64_t repairs = w->counts->repairs;
    rove_status status = device_sync_calm(d, &report);
    if (status != ROVE_OK || !report.verified || w->counts->repairs != repairs) {
        VIOLATED(w, "T1", "what device %d had of a timeline that ended came in part: %s", d->number,
                 rove_status_name(status));
    }
    w->counts->timelines++;
}

/* ---- what sending does not mend (G2) -------------------------------------------------------------------- */

typedef struct wrong_sum {
    office *o;
    rove_id root;
    rove__scope scope;
    rove__hash128 sum;
    int64_t rows;
} wrong_sum;

static rove_status each_sum(void *ctx, rove__scope scope, rove__hash128 sum, int64_t rows) {
    wrong_sum *x = ctx;
    if (rows > 0) {
        x->scope = scope;
        x->sum = sum;
        x->rows = rows;
    }
    return ROVE_OK;
}

static rove_status spoil(void *ctx, rove__hq_tx *tx, rove_error *error) {
    wrong_sum *x = ctx;
    const rove__hq_store *store = &hq_database(x->o->hq)->store;
    (void)error;
    rove_status status = store->sum_scan(tx, x->root, each_sum, x);
    x->sum.low ^= 1;
    return status == ROVE_OK ? store->sum_put(tx, x->scope, x->sum, x->rows) : status;
}

static void wrong(world *w, device *d) {
    w->spoiled = 1;
    rove_sync_report report;
    wrong_sum x = {.o = &w->office};
    if (held_account(d, &x.root) == 0 || hq_commit(w->office.hq, spoil, &x, NULL) != ROVE_OK) {
        return;
    }
    (void)device_sync_calm(d, &report);
    uint64_t rows = w->office.rows_out;
    for (int i = 0; i < 3; i++) {
        (void)device_sync_calm(d, &report);
    }
    if (w->office.rows_out != rows) {
        VIOLATED(w, "G2", "device %d is sent %llu rows again that do not make it equal", d->number,
                 (unsigned long long)(w->office.rows_out - rows));
    }
    w->counts->wrong_sums++;
}

/* ---- one wrong row in a large scope (G2) ---------------------------------------------------------------- */

/* Behind the store's back. */
static int damage(device *d, rove_id note) {
    sqlite3 *db = d->replica->store->db;
    char sql[80];
    snprintf(sql, sizeof sql, "UPDATE note SET text = 'wrong' WHERE id = %lld", (long long)note);
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK && sqlite3_changes(db) == 1;
}

static void large(world *w, device *d) {
    rove_sync_report report;
    rove_error error = {0};
    uint64_t records = 0;
    heap h = {.o = &w->office, .kind = LEDGER_NOTE, .at_ms = w->now_ms, .count = MANY};
    w->office.page_rows = 0;
    w->spoiled = 1;
    if (held_account(d, &h.about) == 0 || !put_many(d, &h)) {
        return;
    }
    (void)device_sync_calm(d, &report);
    if (!damage(d, h.last)) {
        VIOLATED(w, "I22", "device %d lacks a note of a large scope", d->number);
    }
    device_stop(d, 0, 0);
    device_wake(d);
    rove_status status = rove_verify(d->replica, &records, &error);
    world_says(w, "device %d verifies: %s", d->number, rove_status_name(status));
    uint64_t rows = w->office.rows_out;
    status = device_sync_calm(d, &report);
    rows = w->office.rows_out - rows;
    if (status != ROVE_OK || !report.verified || rows == 0 || rows > MANY / 8) {
        VIOLATED(w, "G2",
                 "device %d was sent %llu rows of a large scope for one that was wrong: %s",
                 d->number, (unsigned long long)rows, rove_status_name(status));
    }
    w->counts->large_scopes++;
}

/* ---- records that headquarters made after its backup, and a rep changes (P15) --------------------------- */

/* Visits, the last ones of the ledger. */
typedef struct lost_visits {
    device *d;
    uint32_t first;
    size_t count;
    rove_id ids[ROVE_PARKED_MAX + LOST_MORE]; /* on the device; 0: it has it not */
    size_t changed;             /* how many of them the device shows as its rep changed them */
    uint64_t waiting, reviewed; /* edits that wait for their record, and what is to be looked at */
} lost_visits;

/* As `rove-hq status` counts them. */
static rove_status count_edits(void *ctx, rove__hq_tx *tx, rove_error *error) {
    lost_visits *x = ctx;
    office *o = &x->d->w->office;
    const rove__hq_store *store = &hq_database(o->hq)->store;
    uint64_t bytes = 0;
    (void)error;
    rove_status status = store->review_load(tx, 0, &x->reviewed);
    return status == ROVE_OK ? store->parked_load(tx, 0, &x->waiting, &bytes) : status;
}

static void look_at_edits(lost_visits *x) {
    if (office_read(&x->d->w->office, count_edits, x) != ROVE_OK) {
        VIOLATED(x->d->w, "I22", "what waits at headquarters cannot be counted");
    }
}

/* All by one query: to ask for each of a thousand is to read all of them a thousand times. */
static void look_at_visits(lost_visits *x) {
    const ledger_entity *visit = &ledger_entities[LEDGER_VISIT];
    char sql[96];
    rove_query *query = NULL;
    rove_error error = {0};
    memset(x->ids, 0, sizeof x->ids);
    x->changed = 0;
    snprintf(sql, sizeof sql, "SELECT id, %s, next_step FROM %s", visit->key, visit->table);
    rove_status status = rove_query_new(x->d->replica, sql, NULL, 0, &query, &error);
    while (status == ROVE_OK && (status = rove_query_step(query, &error)) == ROVE_OK) {
        rove_value key = rove_query_value(query, 1);
        rove_value step = rove_query_value(query, 2);
        uint32_t record = key.type == ROVE_TEXT ? ledger_number('r', key.as.data, key.size) : 0;
        if (record >= x->first && record - x->first < x->count) {
            x->ids[record - x->first] = rove_query_value(query, 0).as.integer;
            x->changed += step.type == ROVE_TEXT && step.size == strlen(NEXT_STEP) &&
                          memcmp(step.as.data, NEXT_STEP, step.size) == 0;
        }
    }
    rove_query_free(query);
}

/* 0: the device has not all of them. */
static int change_visits(lost_visits *x) {
    rove_field fields[1] = {{"next_step", rove_text(NEXT_STEP)}};
    rove_error error = {0};
    rove_status status = ROVE_OK;
    look_at_visits(x);
    for (size_t i = 0; i < x->count && status == ROVE_OK; i++) {
        status = x->ids[i] == 0 ? ROVE_NOT_FOUND
                                : rove_update(x->d->replica, "Visit", x->ids[i], fields, 1, &error);
    }
    world_says(x->d->w, "device %d changes %zu visits: %s", x->d->number, x->count,
               rove_status_name(status));
    if (status != ROVE_NOT_FOUND) {
        (void)device_may(x->d, "write", status, &error);
    }
    return status == ROVE_OK;
}

/* A sync of which the device hears nothing: what it sent is judged, and nothing is asked for yet. */
static void sync_unheard(device *d) {
    rove_error error = {0};
    rove_sync_report report = {0};
    d->w->calm = 0;
    d->deaf = 1;
    rove_status status = rove_sync(d->replica, NULL, &report, &error);
    world_says(d->w, "device %d hears nothing: %s", d->number, rove_status_name(status));
    d->deaf = 0;
    d->w->calm = 1;
}

static void check_bound(lost_visits *x) {
    uint64_t before = x->reviewed;
    sync_unheard(x->d);
    look_at_edits(x);
    if (x->waiting > ROVE_PARKED_MAX || x->waiting + x->reviewed - before != x->count) {
        VIOLATED(x->d->w, "P15", "of %zu edits %llu wait for their record, and %llu are in review",
                 x->count, (unsigned long long)x->waiting,
                 (unsigned long long)(x->reviewed - before));
    }
}

static void lose(world *w, device *d, size_t count) {
    rove_sync_report report = {0};
    rove_status status = ROVE_OK;
    lost_visits x = {.d = d, .first = (uint32_t)w->ledger.record_count, .count = count};
    heap h = {.o = &w->office, .kind = LEDGER_VISIT, .at_ms = w->now_ms, .count = count};
    w->office.page_rows = 0;
    look_at_edits(&x);
    if (x.waiting > 0 || held_account(d, &h.about) == 0 || !acts_back_up(&w->office) ||
        !put_many(d, &h)) {
        return;
    }
    (void)device_sync_calm(d, &report);
    acts_restore(&w->office);
    office_start(&w->office);
    if (!change_visits(&x)) {
        return;
    }
    if (count > ROVE_PARKED_MAX) {
        check_bound(&x);
    }
    for (int i = 0; i < 3; i++) {
        status = device_sync_calm(d, &report);
    }
    look_at_edits(&x);
    look_at_visits(&x);
    size_t most = count < ROVE_PARKED_MAX ? count : ROVE_PARKED_MAX;
    if (x.changed != most || x.waiting > 0 || status != ROVE_OK || !report.verified) {
        VIOLATED(w, "P15",
                 "of %zu visits that headquarters lost and a rep changed %zu are back with that, "
                 "and %llu edits wait: %s",
                 count, x.changed, (unsigned long long)x.waiting, rove_status_name(status));
    }
    w->counts->lost_visits += x.changed;
}

static void lost(world *w, device *d) {
    lose(w, d, 1);
}

static void lost_many(world *w, device *d) {
    lose(w, d, ROVE_PARKED_MAX + LOST_MORE);
}

/* ---- work that lost is sent again, and the answer ends before the page that has what won (P2) ------------ */

/* The rep has replaced what was there: it does not come back, whatever of the answers reaches him. */
static void check_city(device *d, rove_id account, uint32_t winner) {
    char text[64] = "";
    char won[LEDGER_KEY_SIZE];
    ledger_text('w', winner, won);
    int there = device_text(d, LEDGER_ACCOUNT, account, "billing_city", text, sizeof text);
    if (!there || (strcmp(text, "mine") != 0 && strcmp(text, won) != 0)) {
        VIOLATED(d->w, "P2", "device %d shows \"%s\", which its rep had replaced", d->number, text);
    }
}

static void overtaken(world *w, device *d) {
    rove_sync_options options = {.size = sizeof options, .bytes_max = BYTES_MAX};
    rove_sync_report report = {0};
    rove_error error = {0};
    rove_field mine[1] = {{"billing_city", rove_text("mine")}};
    heap h = {.o = &w->office, .kind = LEDGER_VISIT, .at_ms = w->now_ms, .count = 4 * PAGE_ROWS};
    uint32_t record = held_account(d, &h.about);
    if (record == 0 || rove_update(d->replica, "Account", h.about, mine, 1, &error) != ROVE_OK ||
        !put_many(d, &h)) {
        return;
    }
    w->office.page_rows = PAGE_ROWS;
    w->now_ms += MINUTE_MS;
    acts_set(&w->office, record, h.about, 2);
    uint32_t winner = (uint32_t)w->ledger.count - 1;
    sync_unheard(d);
    check_city(d, h.about, winner);
    rove_status status = rove_sync(d->replica, &options, &report, &error);
    world_says(w, "device %d hears the beginning: %s", d->number, rove_status_name(status));
    check_city(d, h.about, winner);
    (void)device_sync_calm(d, &report);
    check_city(d, h.about, winner);
    w->counts->overtaken += status == ROVE_LIMIT;
}

/* A story beside this one, whose seed is in the plan. */
static void servers(world *w) {
    char why[CROWD_WHY];
    if (!crowd_tell(w->plan->epilogue, why)) {
        VIOLATED(w, "P16", "several servers, story %u: %s", w->plan->epilogue, why);
    }
    w->counts->crowds++;
}

void epilogue(world *w) {
    static void (*const tries[])(world *, device *) = {NULL,  newcomer, timeline,  wrong,
                                                       large, lost,     lost_many, overtaken};
    device *d = &w->devices[0];
    if (w->plan->epilogue >= PLAN_CROWD) {
        servers(w);
        return;
    }
    if (w->plan->epilogue > 0 && w->plan->epilogue < sizeof tries / sizeof *tries &&
        d->replica != NULL && d->user >= 0 && d->wanted < 0) {
        world_says(w, "epilogue %u", w->plan->epilogue);
        tries[w->plan->epilogue](w, d);
    }
}
