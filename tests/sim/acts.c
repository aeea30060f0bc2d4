/*
 * sim/acts.c - what operators do at headquarters: edits through its writer, everything else by the commands of rove-hq. The
 * ledger keeps who holds which root by what was ordered, and not by what headquarters made of it.
 */
#include "world.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_MAX ((size_t)8 * 1024 * 1024)
#define OUT_MAX   65536
#define MINUTE_MS INT64_C(60000)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)
#define BACKUP    "/1/backup.db"

/* ---- commands ------------------------------------------------------------------------------------------- */

static char said[OUT_MAX];
static size_t said_size;

static void hear(void *ctx, const char *bytes, size_t size) {
    (void)ctx;
    size = size < OUT_MAX - 1 - said_size ? size : OUT_MAX - 1 - said_size;
    memcpy(said + said_size, bytes, size);
    said_size += size;
    said[said_size] = '\0';
}

int acts_command(office *o, const char *const *words) {
    hq_io io = {.out = hear, .err = hear, .operator_name = "ada", .directory = "/1"};
    char copies[16][64]; /* commands put their words into another order */
    char *argv[16];
    int argc = 0;
    for (; words[argc] != NULL; argc++) {
        snprintf(copies[argc], sizeof copies[argc], "%s", words[argc]);
        argv[argc] = copies[argc];
    }
    argv[argc] = NULL;
    said_size = 0;
    said[0] = '\0';
    const hq_command *command = hq_command_named(words[0]);
    int code = command->run(o->hq, &io, argc, argv);
    world_says(o->w, "headquarters: %s %s %s: %d", words[0], words[1] == NULL ? "" : words[1],
               argc > 3 ? words[3] : "", code);
    return code;
}

static const char *id_text(rove_id id, char text[24]) {
    snprintf(text, 24, "%" PRId64, id);
    return text;
}

static const char *login(unsigned user, char text[8]) {
    snprintf(text, 8, "u%u", user);
    return text;
}

/* ---- looking -------------------------------------------------------------------------------------------- */

/* A record drawn at random, or one that is known by its key. */
typedef struct search {
    office *o;
    ledger_kind kind;
    uint32_t record; /* 0: any */
    uint64_t skip;
    rove_id id;
    rove_id ids[512];
    uint32_t records[512];
    uint32_t stands[512][LEDGER_TEXTS];
    size_t count;
} search;

static uint32_t cell_number(const rove__hq_row *row, const char *field, char letter) {
    const rove_value *cell = &row->row.cells[rove__entity_field_named(row->row.entity, field)];
    return cell->type == ROVE_TEXT ? ledger_number(letter, cell->as.data, cell->size) : 0;
}

static rove_status each_row(void *ctx, const rove__hq_row *row) {
    search *s = ctx;
    const ledger_entity *entity = &ledger_entities[s->kind];
    uint32_t record = cell_number(row, entity->key, 'r');
    if (record == 0 || s->count == 512 || (s->record != 0 && record != s->record)) {
        return ROVE_OK;
    }
    s->ids[s->count] = row->row.id;
    s->records[s->count] = record;
    for (unsigned i = 0; i < LEDGER_TEXTS && entity->texts[i] != NULL; i++) {
        s->stands[s->count][i] = cell_number(row, entity->texts[i], 'w');
    }
    s->count++;
    return ROVE_OK;
}

static rove_status scan(void *ctx, rove__hq_tx *tx, rove_error *error) {
    search *s = ctx;
    rove__arena arena;
    (void)error;
    rove__arena_init(&arena, &s->o->ports.allocator, ARENA_MAX);
    const rove__entity *entity =
        rove__registry_by_name(hq_registry(s->o->hq), ledger_entities[s->kind].name);
    rove_status status = hq_database(s->o->hq)->directory.row_find(tx, entity->number, -1, NULL,
                                                                   &arena, each_row, s);
    rove__arena_free(&arena);
    return status;
}

/* 0: there is none. */
static size_t find(office *o, ledger_kind kind, search *s) {
    *s = (search){.o = o, .kind = kind};
    return office_read(o, scan, s) == ROVE_OK ? s->count : 0;
}

/* ---- edits ---------------------------------------------------------------------------------------------- */

typedef struct edit {
    office *o;
    const char *act;
    ledger_kind kind;
    rove_id id; /* 0: a new one */
    int erase;
    const char *fields[4];
    rove_value values[4];
    size_t count;
} edit;

static rove_status edit_job(void *ctx, rove__hq_tx *tx, rove_error *error) {
    edit *e = ctx;
    const rove__entity *entity =
        rove__registry_by_name(hq_registry(e->o->hq), ledger_entities[e->kind].name);
    rove__writer *writer = NULL;
    rove__arena arena;
    rove__row row;
    size_t changed = 0;
    uint64_t seq = 0;
    rove__arena_init(&arena, &e->o->ports.allocator, ARENA_MAX);
    rove_status status = rove__row_init(&row, entity, e->id, &arena);
    for (size_t i = 0; i < e->count && status == ROVE_OK; i++) {
        rove__row_set(&row, (size_t)rove__entity_field_named(entity, e->fields[i]), e->values[i]);
    }
    if (status == ROVE_OK) {
        status = hq_writer(e->o->hq, tx, "ada", e->act, &writer, error);
    }
    if (status == ROVE_OK) {
        status = e->erase     ? rove__writer_delete(writer, entity->number, e->id, error)
                 : e->id != 0 ? rove__writer_update(writer, &row, &changed, error)
                              : rove__writer_insert(writer, &row, error);
        if (status == ROVE_OK) {
            status = rove__writer_finish(writer, &seq, error);
        } else {
            rove__writer_abandon(writer);
        }
    }
    rove__arena_free(&arena);
    return status;
}

static int may_edit(rove_status status) {
    return status == ROVE_OK || status == ROVE_STATE || status == ROVE_NOT_FOUND ||
           status == ROVE_CYCLE || status == ROVE_REQUIRED || status == ROVE_DENIED;
}

/* Commits an edit, and the ledger's writes with it. */
static rove_status commit(office *o, edit *e, const uint32_t *writes, size_t count) {
    rove_error error = {0};
    rove_status status = hq_commit(o->hq, edit_job, e, &error);
    int down = o->machine.disk.off;
    int trouble = down || o->machine.disk.count.refused > 0 ||
                  (status == ROVE_NOMEM && o->machine.fail_in == 0);
    for (size_t i = 0; i < count; i++) {
        ledger_write *write = ledger_get(&o->w->ledger, writes[i]);
        write->done = status == ROVE_OK && !down;
        write->unsure = !write->done && trouble;
        if (write->unsure) {
            ledger_record_get(&o->w->ledger, write->record)->odd = 1;
        }
    }
    if (!may_edit(status) && !trouble) {
        VIOLATED(o->w, "I22", "an edit at headquarters says %s: %s", rove_status_name(status),
                 error.message);
    }
    o->w->counts->edits += status == ROVE_OK;
    world_says(o->w, "headquarters edits w%u: %s", count > 0 ? writes[0] : 0,
               rove_status_name(status));
    return status;
}

static void change(office *o, sim_dice *dice) {
    static const ledger_kind kinds[] = {LEDGER_ACCOUNT, LEDGER_ACCOUNT, LEDGER_ACCOUNT,
                                        LEDGER_VISIT,   LEDGER_VISIT,   LEDGER_TASK,
                                        LEDGER_CONTACT};
    ledger_kind kind = kinds[sim_below(dice, 7)];
    const ledger_entity *entity = &ledger_entities[kind];
    search s;
    char text[LEDGER_KEY_SIZE];
    size_t count = find(o, kind, &s);
    if (count == 0) {
        return;
    }
    size_t at = (size_t)sim_below(dice, count);
    unsigned fields = 0;
    while (fields < LEDGER_TEXTS && entity->texts[fields] != NULL) {
        fields++;
    }
    unsigned field = (unsigned)sim_below(dice, fields);
    int erase = kind != LEDGER_ACCOUNT && sim_chance(dice, 80);
    uint32_t number = ledger_write_new(&o->w->ledger, erase ? LEDGER_DELETE : LEDGER_SET,
                                       s.records[at], LEDGER_HQ);
    ledger_write *write = ledger_get(&o->w->ledger, number);
    write->field = erase ? LEDGER_TEXTS : field;
    write->parent = erase ? 0 : s.stands[at][field];
    write->heard = write->left = number;
    memcpy(write->seen, s.stands[at], sizeof write->seen);
    ledger_text('w', number, text);
    edit e = {
        .o = o, .act = erase ? "delete" : "set", .kind = kind, .id = s.ids[at], .erase = erase};
    if (!erase) {
        e.fields[0] = entity->texts[field];
        e.values[0] = rove__value_text(text);
        e.count = 1;
    }
    (void)commit(o, &e, &number, 1);
}

/* A visit goes to another account, as when it was entered for the wrong one. */
static void move(office *o, sim_dice *dice) {
    search visits;
    search accounts;
    if (find(o, LEDGER_VISIT, &visits) == 0 || find(o, LEDGER_ACCOUNT, &accounts) == 0) {
        return;
    }
    edit e = {.o = o, .act = "set", .kind = LEDGER_VISIT, .count = 1, .fields = {"account_id"}};
    e.id = visits.ids[sim_below(dice, visits.count)];
    e.values[0] = rove__value_int(accounts.ids[sim_below(dice, accounts.count)]);
    for (size_t i = 0; i < visits.count; i++) {
        if (visits.ids[i] == e.id) {
            ledger_record_get(&o->w->ledger, visits.records[i])->moved = 1;
        }
    }
    o->w->counts->moves += commit(o, &e, NULL, 0) == ROVE_OK;
}

static void merge(office *o, sim_dice *dice) {
    search accounts;
    if (find(o, LEDGER_ACCOUNT, &accounts) < 2) {
        return;
    }
    edit e = {
        .o = o, .act = "set", .kind = LEDGER_ACCOUNT, .count = 1, .fields = {"merged_into_id"}};
    e.id = accounts.ids[sim_below(dice, accounts.count)];
    rove_id into = accounts.ids[sim_below(dice, accounts.count)];
    e.values[0] =
        sim_chance(dice, 400) || into == e.id ? rove__value_null() : rove__value_int(into);
    o->w->counts->merges += commit(o, &e, NULL, 0) == ROVE_OK;
}

/* ---- who holds what ------------------------------------------------------------------------------------- */

static void give_or_take(office *o, const search *found, size_t at, unsigned user, int take) {
    char id[24];
    char user_text[8];
    const char *words[] = {take ? "unassign" : "assign", login(user, user_text), "--account",
                           id_text(found->ids[at], id), NULL};
    ledger_record *record = ledger_record_get(&o->w->ledger, found->records[at]);
    record->ever |= take ? 0 : 1u << user;
    int code = acts_command(o, words);
    if (o->machine.disk.off || o->machine.disk.count.refused > 0 || code != 0) {
        record->odd = record->odd || o->machine.disk.off || code != 0;
    }
    if (code == 0) {
        record->holders = take ? record->holders & ~(1u << user) : record->holders | 1u << user;
        o->w->counts->assignments++;
    }
}

static void assign(office *o, sim_dice *dice) {
    search accounts;
    size_t count = find(o, LEDGER_ACCOUNT, &accounts);
    unsigned user = (unsigned)sim_below(dice, PLAN_USERS_MAX);
    int take = sim_chance(dice, 500);
    if (count > 0) {
        give_or_take(o, &accounts, (size_t)sim_below(dice, count), user, take);
    }
}

/* The account that reps made last, from one who has it. */
static void take_last(office *o) {
    search accounts;
    size_t count = find(o, LEDGER_ACCOUNT, &accounts);
    size_t last = 0;
    for (size_t i = 1; i < count; i++) {
        last = accounts.records[i] > accounts.records[last] ? i : last;
    }
    unsigned holders = count == 0 ? 0 : o->w->ledger.records[accounts.records[last]].holders;
    for (unsigned user = 0; user < PLAN_USERS_MAX; user++) {
        if ((holders >> user & 1u) != 0) {
            give_or_take(o, &accounts, last, user, 1);
            return;
        }
    }
}

static int is_among(const search *s, uint32_t record) {
    for (size_t i = 0; i < s->count; i++) {
        if (s->records[i] == record) {
            return 1;
        }
    }
    return 0;
}

static void reassign(office *o, sim_dice *dice) {
    char from_text[8];
    char to_text[8];
    unsigned from = (unsigned)sim_below(dice, PLAN_USERS_MAX);
    unsigned to = (from + 1 + (unsigned)sim_below(dice, PLAN_USERS_MAX - 1)) % PLAN_USERS_MAX;
    const char *words[] = {"reassign", "--from",           login(from, from_text),
                           "--to",     login(to, to_text), NULL};
    search accounts;
    search leads;
    (void)find(o, LEDGER_ACCOUNT, &accounts);
    (void)find(o, LEDGER_LEAD, &leads);
    int code = acts_command(o, words);
    ledger *l = &o->w->ledger;
    for (uint32_t i = 1; i < l->record_count; i++) {
        ledger_record *record = &l->records[i];
        int root = record->kind == LEDGER_ACCOUNT || record->kind == LEDGER_LEAD;
        record->ever |= root && (record->ever >> from & 1u) != 0 ? 1u << to : 0;
        if (!root || ((record->holders >> from & 1u) == 0 && record->owner != (int)from)) {
            continue;
        }
        /* What headquarters does not know yet, or what is deleted, is not passed on; it may come. */
        int there = is_among(&accounts, i) || is_among(&leads, i);
        record->odd = record->odd || code != 0 || record->insert != 0 || !there;
        if (code == 0 && there) {
            record->holders = (record->holders & ~(1u << from)) | 1u << to;
            if (record->owner < 0 || record->owner == (int)from) {
                record->owner = (int)to; /* of what is somebody else's only the assignment passes */
            }
        }
    }
    o->w->counts->reassignments += code == 0;
}

/* ---- deciding ------------------------------------------------------------------------------------------- */

/* The numbers with which the lines of a list begin. */
static size_t listed(char numbers[64][24]) {
    size_t count = 0;
    for (char *line = said; line != NULL && count < 64; line = strchr(line, '\n')) {
        line += *line == '\n';
        size_t size = strspn(line + strspn(line, " "), "0123456789");
        const char *at = line + strspn(line, " ");
        if (size > 0 && size < 24) {
            memcpy(numbers[count], at, size);
            numbers[count++][size] = '\0';
        }
        if (*line == '\0') {
            break;
        }
    }
    return count;
}

static void decide(office *o, sim_dice *dice) {
    char numbers[64][24];
    int conflict = sim_chance(dice, 500);
    const char *list[] = {conflict ? "conflicts" : "review", "list", NULL};
    if (acts_command(o, list) != 0) {
        return;
    }
    size_t count = listed(numbers);
    if (count == 0) {
        return;
    }
    const char *what = conflict ? "keep" : sim_chance(dice, 500) ? "accept" : "return";
    const char *words[] = {list[0], what, numbers[sim_below(dice, count)], NULL};
    int done = acts_command(o, words) == 0;
    o->w->counts->settled += (uint64_t)done;
    o->accepted |=
        (done || o->machine.disk.off) && what[0] == 'a'; /* the power may go after it is done */
    o->returned |= what[0] == 'r';
}

static void revoke(office *o, const plan_event *event) {
    device *d = &o->w->devices[event->who];
    rove_state state = {.size = sizeof state};
    rove_error error = {0};
    char number[24];
    if (d->replica == NULL || d->user < 0 || wipes_under_way(d) ||
        rove_read_state(d->replica, &state, &error) != ROVE_OK) {
        return;
    }
    const char *words[] = {"revoke", id_text(state.replica, number), NULL};
    int sure = acts_command(o, words) == 0; /* where it failed, it may be done all the same */
    o->w->counts->revocations += (unsigned)sure;
    d->revoked = 1;
    /* What it had not sent comes later under another number, to be looked at. */
    for (uint32_t i = 1; i < o->w->ledger.count; i++) {
        ledger_write *write = &o->w->ledger.writes[i];
        if (write->author == d->number) {
            ledger_record_get(&o->w->ledger, write->record)->odd = 1;
            write->barred = !sure ? write->barred
                                  : d->fiber == NULL && write->done && write->syncs == d->syncs &&
                                        write->replica == state.replica;
        }
    }
}

static void purge(office *o, sim_dice *dice) {
    char days[8];
    snprintf(days, sizeof days, "%u", 1 + (unsigned)sim_below(dice, 3));
    const char *words[] = {"purge", "--older-than", days, NULL};
    o->w->counts->purges += acts_command(o, words) == 0;
    o->w->purged = 1;
}

/* ---- backups -------------------------------------------------------------------------------------------- */

int acts_back_up(office *o) {
    static const char *const words[] = {"backup", BACKUP, NULL};
    size_t size = 0;
    ledger *l = &o->w->ledger;
    sim_disk_remove(&o->machine.disk, "backup.db");
    int code = acts_command(o, words);
    const uint8_t *bytes = sim_disk_bytes(&o->machine.disk, "backup.db", &size);
    free(o->backup);
    free(o->backup_holders);
    free(o->backup_ever);
    o->backup = NULL;
    o->backup_holders = NULL;
    o->backup_ever = NULL;
    if (code != 0 || o->machine.disk.off || bytes == NULL) {
        return 0; /* it may be whole, and what it covers gone from devices: the one before is too old now (D9) */
    }
    o->backup = malloc(size);
    memcpy(o->backup, bytes, size);
    o->backup_size = size;
    o->backup_writes = l->count;
    o->backup_records = l->record_count;
    o->backup_holders = malloc((l->record_count + 1) * sizeof *o->backup_holders);
    o->backup_ever = malloc((l->record_count + 1) * sizeof *o->backup_ever);
    for (size_t i = 1; i < l->record_count; i++) {
        o->backup_holders[i] = l->records[i].holders;
        o->backup_ever[i] = l->records[i].ever;
    }
    sim_disk_remove(&o->machine.disk, "backup.db");
    o->w->counts->backups++;
    return 1;
}

/* Operators' acts since the backup are gone; what reps did comes back from their devices. */
void acts_restore(office *o) {
    ledger *l = &o->w->ledger;
    if (o->backup == NULL) {
        return;
    }
    office_stop(o, 0, MINUTE_MS);
    sim_disk_remove(&o->machine.disk, "hq.db-wal");
    sim_disk_put(&o->machine.disk, "hq.db", o->backup, o->backup_size);
    o->restored = o->went_back = 1;
    notes_restored(o->w);
    wipes_restored(o->w);
    o->w->counts->restores_of_headquarters++;
    for (size_t i = o->backup_writes; i < l->count; i++) {
        if (l->writes[i].author == LEDGER_HQ) {
            l->writes[i].given_up = 1;
        }
    }
    for (size_t i = 1; i < l->count; i++) {
        l->writes[i].lost |= l->writes[i].left != 0;
    }
    for (size_t i = 1; i < l->record_count; i++) {
        l->records[i].odd = 1;
        if (i < o->backup_records) {
            l->records[i].holders = o->backup_holders[i];
            l->records[i].ever = o->backup_ever[i];
        }
        l->records[i].owner = -1;
    }
    world_says(o->w, "headquarters goes back to its backup");
}

void acts_set(office *o, uint32_t record, rove_id id, unsigned field) {
    ledger_kind kind = ledger_record_get(&o->w->ledger, record)->kind;
    char text[LEDGER_KEY_SIZE];
    uint32_t number = ledger_write_new(&o->w->ledger, LEDGER_SET, record, LEDGER_HQ);
    ledger_get(&o->w->ledger, number)->field = field;
    ledger_text('w', number, text);
    edit e = {.o = o,
              .act = "set",
              .kind = kind,
              .id = id,
              .count = 1,
              .fields = {ledger_entities[kind].texts[field]},
              .values = {rove__value_text(text)}};
    (void)commit(o, &e, &number, 1);
}

void acts_touch(office *o) {
    search accounts;
    if (o->hq == NULL || find(o, LEDGER_ACCOUNT, &accounts) == 0) {
        return;
    }
    edit e = {.o = o,
              .act = "set",
              .kind = LEDGER_ACCOUNT,
              .id = accounts.ids[0],
              .count = 1,
              .fields = {"credit_limit"},
              .values = {rove__value_int(o->w->now_ms)}};
    (void)commit(o, &e, NULL, 0);
}

/* ---- the rest ------------------------------------------------------------------------------------------- */

static void jump(office *o, sim_dice *dice) {
    int64_t sign = sim_chance(dice, 500) ? 1 : -1;
    o->machine.offset_ms =
        sign * (int64_t)sim_below(dice, sim_chance(dice, 700) ? 10 * (uint64_t)MINUTE_MS
                                                              : (uint64_t)DAY_MS);
    o->w->counts->clock_jumps++;
}

void acts_act(office *o, const plan_event *event) {
    sim_dice dice = sim_stream(event->work, 6);
    o->machine.core = sim_stream(event->work, 7);
    if (o->hq == NULL) {
        return;
    }
    switch (event->what) {
    case PLAN_EDIT:
        change(o, &dice);
        break;
    case PLAN_ASSIGN:
        assign(o, &dice);
        break;
    case PLAN_TAKES:
        take_last(o);
        break;
    case PLAN_REASSIGN:
        reassign(o, &dice);
        break;
    case PLAN_MOVE:
        move(o, &dice);
        break;
    case PLAN_MERGE:
        merge(o, &dice);
        break;
    case PLAN_DECIDE:
        decide(o, &dice);
        break;
    case PLAN_REVOKE:
        revoke(o, event);
        break;
    case PLAN_PURGE:
        purge(o, &dice);
        break;
    case PLAN_REPLAY:
        if (!sim_chance(&dice, 500) || !late_come(o)) {
            late_replay(o, &dice);
        }
        break;
    case PLAN_IMAGE:
        (void)acts_back_up(o);
        break;
    case PLAN_RESTORE:
        acts_restore(o);
        break;
    case PLAN_KILL:
        office_stop(o, 0, (int64_t)sim_below(&dice, (uint64_t)HOUR_MS));
        break;
    case PLAN_POWER:
        o->machine.disk.cut_in = 1 + sim_below(&dice, sim_chance(&dice, 500) ? 60 : 600);
        break;
    case PLAN_FULL:
        if (sim_chance(&dice, 500)) {
            o->machine.disk.full_in = 1 + sim_below(&dice, 60);
        } else {
            o->machine.disk.fail_in = 1 + sim_below(&dice, 300);
        }
        o->w->counts->disk_failures++;
        break;
    case PLAN_CLOCK:
        jump(o, &dice);
        break;
    default:
        break;
    }
    office_look(o);
}
