/*
 * sim/writes.c - what reps do on their devices, and how the ledger learns of it. Which record and which field is drawn from
 * the event's own dice among what the screen shows then.
 */
#include "world.h"

#include <stdlib.h>
#include <string.h>

#define IDS_MAX   256
#define TX_WRITES 6
#define LONG_TEXT 6000

/* The writes of one transaction, until it is known how it ended. */
typedef struct writing {
    device *d;
    sim_dice dice;
    const plan_event *event;
    int wordy; /* long texts are likely */
    rove_state state;
    uint32_t writes[64];
    size_t count;
    rove_error error;
} writing;

static uint32_t note(writing *x, ledger_what what, uint32_t record, unsigned field,
                     uint32_t parent) {
    ledger *l = &x->d->w->ledger;
    uint32_t number = ledger_write_new(l, what, record, x->d->number);
    ledger_write *write = ledger_get(l, number);
    write->line = x->d->line;
    write->field = field;
    write->parent = parent;
    write->user = x->d->user;
    write->replica = x->state.replica;
    write->syncs = x->d->syncs;
    write->asked = x->d->asked;
    write->event = x->d->w->next;
    int syncing = x->d->fiber != NULL;
    int words = what == LEDGER_TAG || what == LEDGER_UNTAG;
    write->heard = syncing && (x->d->hears || !words) ? number : x->d->heard;
    write->left = syncing ? number : 0;
    if (x->count < sizeof x->writes / sizeof *x->writes) {
        x->writes[x->count++] = number;
    }
    return number;
}

/* Records of an entity on the screen; how many. */
static size_t list(device *d, ledger_kind kind, rove_id ids[IDS_MAX]) {
    char sql[120];
    size_t count = 0;
    rove_query *query = NULL;
    rove_error error = {0};
    snprintf(sql, sizeof sql, "SELECT id FROM %s ORDER BY id LIMIT %d", ledger_entities[kind].table,
             IDS_MAX);
    if (rove_query_new(d->replica, sql, NULL, 0, &query, &error) == ROVE_OK) {
        while (rove_query_step(query, &error) == ROVE_OK) {
            ids[count++] = rove_query_value(query, 0).as.integer;
        }
    }
    rove_query_free(query);
    return count;
}

static rove_id pick(writing *x, ledger_kind kind, uint32_t *record) {
    rove_id ids[IDS_MAX];
    char key[64];
    size_t count = list(x->d, kind, ids);
    *record = 0;
    if (count == 0) {
        return 0;
    }
    rove_id id = ids[sim_below(&x->dice, count)];
    (void)device_text(x->d, kind, id, ledger_entities[kind].key, key, sizeof key);
    *record = ledger_number('r', key, strlen(key));
    return *record == 0 ? 0 : id;
}

static uint32_t shown(writing *x, ledger_kind kind, rove_id id, unsigned field) {
    char text[64];
    (void)device_text(x->d, kind, id, ledger_entities[kind].texts[field], text, sizeof text);
    return ledger_number('w', text, strlen(text));
}

/* What the transaction under way wrote there, which the screen does not show yet; 0: nothing. */
static uint32_t written(const writing *x, uint32_t record, unsigned field) {
    for (size_t i = x->count; i-- > 0;) {
        const ledger_write *write = ledger_get(&x->d->w->ledger, x->writes[i]);
        if (write->record == record && write->field == field &&
            (write->what == LEDGER_SET || write->what == LEDGER_SEAL)) {
            return x->writes[i];
        }
    }
    return 0;
}

static unsigned text_count(ledger_kind kind) {
    unsigned count = 0;
    while (count < LEDGER_TEXTS && ledger_entities[kind].texts[count] != NULL) {
        count++;
    }
    return count;
}

/* The value of a write: its number, now and then with a long tail. */
static rove_value value_of(writing *x, ledger_kind kind, unsigned field, uint32_t number,
                           char *text) {
    int longer = strcmp(ledger_entities[kind].texts[field], "description") == 0 ||
                 strcmp(ledger_entities[kind].texts[field], "notes") == 0;
    ledger_text('w', number, text);
    if (longer && sim_chance(&x->dice, x->wordy ? 600 : 60)) {
        size_t size = strlen(text);
        size_t more = (size_t)sim_below(&x->dice, LONG_TEXT);
        memset(text + size, 'x', more);
        text[size + more] = '\0';
    }
    return rove_text(text);
}

/* ---- single writes -------------------------------------------------------------------------------------- */

/* What this device wrote last, if it still has it: a rep corrects himself. 0: it is not there. */
static rove_id pick_last(writing *x, ledger_kind *kind, uint32_t *record, unsigned *field) {
    const ledger *l = &x->d->w->ledger;
    for (size_t i = l->count; i-- > 1 && l->count - i < 100;) {
        const ledger_write *write = &l->writes[i];
        if (write->author == x->d->number && write->what == LEDGER_SET) {
            *kind = l->records[write->record].kind;
            *record = write->record;
            *field = write->field;
            return device_find(x->d, write->record);
        }
    }
    return 0;
}

/* The contact that a visit's set names, by what its key says; 0: the device has it not. */
static uint32_t person_of(writing *x, rove_id id) {
    char key[64];
    (void)device_text(x->d, LEDGER_CONTACT, id, ledger_entities[LEDGER_CONTACT].key, key,
                      sizeof key);
    return ledger_number('r', key, strlen(key));
}

#define PEOPLE_MAX 8

/* Numbers that a query gives for a record; how many. */
static size_t related(device *d, const char *sql, rove_id id, rove_id found[PEOPLE_MAX]) {
    rove_query *query = NULL;
    rove_error error = {0};
    rove_value parameter = rove_int(id);
    size_t count = 0;
    if (rove_query_new(d->replica, sql, &parameter, 1, &query, &error) == ROVE_OK) {
        while (count < PEOPLE_MAX && rove_query_step(query, &error) == ROVE_OK) {
            found[count++] = rove_query_value(query, 0).as.integer;
        }
    }
    rove_query_free(query);
    return count;
}

/* Whether a person is on a visit, with what the transaction under way did, which the screen does not show yet. */
static int is_put(const writing *x, uint32_t visit, uint32_t person, int on_screen) {
    for (size_t i = 0; i < x->count; i++) {
        const ledger_write *write = ledger_get(&x->d->w->ledger, x->writes[i]);
        if (write->record == visit && write->parent == person &&
            (write->what == LEDGER_TAG || write->what == LEDGER_UNTAG)) {
            on_screen = write->what == LEDGER_TAG;
        }
    }
    return on_screen;
}

#define SQL_PEOPLE "SELECT element FROM visit_contact_ids WHERE id = ?1 ORDER BY element LIMIT 8"

static void note_signed(writing *x, uint32_t visit, uint32_t person, uint32_t seal) {
    uint32_t number = note(x, LEDGER_SIGNED, visit, LEDGER_TEXTS, person);
    ledger_get(&x->d->w->ledger, number)->seen[0] = seal;
    x->d->w->counts->people++;
}

/* Whom a seal signs: who is on the screen, and was put there in the same transaction. */
static void note_people(writing *x, rove_id id, uint32_t visit, uint32_t seal) {
    rove_id shown_ids[PEOPLE_MAX];
    uint32_t people[PEOPLE_MAX];
    size_t count = related(x->d, SQL_PEOPLE, id, shown_ids);
    size_t before = x->count;
    for (size_t i = 0; i < count; i++) {
        people[i] = person_of(x, shown_ids[i]);
        if (people[i] == 0 || is_put(x, visit, people[i], 1)) {
            note_signed(x, visit, people[i], seal);
        }
    }
    for (size_t i = 0; i < before; i++) {
        const ledger_write *write = ledger_get(&x->d->w->ledger, x->writes[i]);
        uint32_t person = write->parent;
        int put =
            write->what == LEDGER_TAG && write->record == visit && is_put(x, visit, person, 0);
        for (size_t k = 0; k < x->count && put; k++) { /* once */
            const ledger_write *other = ledger_get(&x->d->w->ledger, x->writes[k]);
            put = other->what != LEDGER_SIGNED || other->record != visit || other->parent != person;
        }
        if (put) {
            note_signed(x, visit, person, seal);
        }
    }
}

static rove_status set_text(writing *x, ledger_kind kind, rove_id id, uint32_t record,
                            unsigned field, int seal) {
    char text[LONG_TEXT + LEDGER_KEY_SIZE + 1];
    uint32_t number =
        note(x, seal ? LEDGER_SEAL : LEDGER_SET, record, field, shown(x, kind, id, field));
    for (unsigned i = 0; i < text_count(kind) && seal; i++) {
        uint32_t now = written(x, record, i);
        ledger_get(&x->d->w->ledger, number)->seen[i] = now != 0 ? now : shown(x, kind, id, i);
    }
    rove_field fields[1] = {
        {ledger_entities[kind].texts[field], value_of(x, kind, field, number, text)}};
    x->d->w->counts->sealed += (uint64_t)seal;
    if (seal) {
        note_people(x, id, record, number);
    }
    return seal ? rove_seal(x->d->replica, ledger_entities[kind].name, id, fields, 1, &x->error)
                : rove_update(x->d->replica, ledger_entities[kind].name, id, fields, 1, &x->error);
}

static rove_status update(writing *x, ledger_kind kind, int seal) {
    uint32_t record = 0;
    unsigned field = 0;
    rove_id id = !seal && sim_chance(&x->dice, 250) ? pick_last(x, &kind, &record, &field) : 0;
    if (id == 0) {
        id = pick(x, kind, &record);
        field = seal ? 0 : (unsigned)sim_below(&x->dice, text_count(kind));
    }
    if (id == 0 || text_count(kind) == 0) {
        return ROVE_OK;
    }
    return set_text(x, kind, id, record, field, seal);
}

static rove_status insert_one(writing *x, ledger_kind kind, uint32_t account, rove_id account_id,
                              rove_id contact, rove_id *id, uint32_t *record) {
    const ledger_entity *entity = &ledger_entities[kind];
    char key[LEDGER_KEY_SIZE];
    char text[LEDGER_KEY_SIZE];
    rove_field fields[6];
    size_t count = 0;
    *record = ledger_record_new(&x->d->w->ledger, kind, account);
    uint32_t insert = note(x, LEDGER_INSERT, *record, LEDGER_TEXTS, 0);
    ledger_record_get(&x->d->w->ledger, *record)->insert = insert;
    ledger_text('r', *record, key);
    fields[count++] = (rove_field){entity->key, rove_text(key)};
    if (entity->scope != NULL) {
        fields[count++] = (rove_field){entity->scope, rove_int(account_id)};
    } else {
        ledger_record_get(&x->d->w->ledger, *record)->holders = 1u << x->d->user;
        ledger_record_get(&x->d->w->ledger, *record)->ever = 1u << x->d->user;
    }
    switch (kind) {
    case LEDGER_ACCOUNT:
        ledger_text('w', note(x, LEDGER_SET, *record, 0, 0), text);
        fields[count++] = (rove_field){"name", rove_text(text)};
        break;
    case LEDGER_VISIT:
        fields[count++] = (rove_field){
            "planned_start",
            rove_int(x->d->w->now_ms + (int64_t)sim_below(&x->dice, 86400000) - 43200000)};
        break;
    case LEDGER_NOTE:
        fields[count++] = (rove_field){"created_at", rove_int(x->d->w->now_ms)};
        break;
    case LEDGER_CONTACT:
    case LEDGER_LEAD:
        fields[count++] = (rove_field){"last_name", rove_text("Lee")};
        break;
    case LEDGER_ROLE:
        fields[count++] = (rove_field){"contact_id", rove_int(contact)};
        break;
    default:
        break;
    }
    rove_status status = rove_insert(x->d->replica, entity->name, fields, count, id, &x->error);
    if (status == ROVE_OK) {
        ledger_record_get(&x->d->w->ledger, *record)->made_as = *id;
    }
    return status;
}

static rove_status insert_account(writing *x) {
    uint32_t record = 0;
    rove_id id = 0;
    return insert_one(x, LEDGER_ACCOUNT, 0, 0, 0, &id, &record);
}

static rove_status insert(writing *x) {
    static const ledger_kind kinds[] = {LEDGER_VISIT, LEDGER_VISIT,  LEDGER_VISIT, LEDGER_TASK,
                                        LEDGER_TASK,  LEDGER_NOTE,   LEDGER_NOTE,  LEDGER_CONTACT,
                                        LEDGER_LEAD,  LEDGER_ACCOUNT};
    ledger_kind kind = kinds[sim_below(&x->dice, 10)];
    uint32_t account = 0;
    uint32_t record = 0;
    uint32_t role = 0;
    rove_id id = 0;
    rove_id role_id = 0;
    rove_id account_id = pick(x, LEDGER_ACCOUNT, &account);
    if (account_id == 0 && kind != LEDGER_LEAD && kind != LEDGER_ACCOUNT) {
        return ROVE_OK;
    }
    rove_status status = insert_one(x, kind, ledger_entities[kind].scope == NULL ? 0 : account,
                                    account_id, 0, &id, &record);
    if (status == ROVE_OK && kind == LEDGER_CONTACT) {
        status = insert_one(x, LEDGER_ROLE, account, account_id, id, &role_id, &role);
    }
    return status;
}

static rove_status count(writing *x) {
    uint32_t record = 0;
    rove_id id = pick(x, LEDGER_ACCOUNT, &record);
    if (id == 0) {
        return ROVE_OK;
    }
    uint32_t number = note(x, LEDGER_COUNT, record, LEDGER_TEXTS, 0);
    return rove_increment(x->d->replica, "Account", id, "points", number, &x->error);
}

/* The elements of a record's set, by the writes that added them. */
static size_t elements(device *d, rove_id id, uint32_t numbers[64]) {
    rove_query *query = NULL;
    rove_error error = {0};
    rove_value parameter = rove_int(id);
    size_t found = 0;
    if (rove_query_new(d->replica,
                       "SELECT element FROM account_alt_names WHERE id = ?1 ORDER BY element",
                       &parameter, 1, &query, &error) == ROVE_OK) {
        while (found < 64 && rove_query_step(query, &error) == ROVE_OK) {
            rove_value value = rove_query_value(query, 0);
            uint32_t number = ledger_number('w', value.as.data, value.size);
            if (value.type == ROVE_TEXT && number != 0) {
                numbers[found++] = number;
            }
        }
    }
    rove_query_free(query);
    return found;
}

static rove_status element(writing *x) {
    uint32_t record = 0;
    uint32_t numbers[64];
    char text[LEDGER_KEY_SIZE];
    rove_id id = pick(x, LEDGER_ACCOUNT, &record);
    if (id == 0) {
        return ROVE_OK;
    }
    size_t there = elements(x->d, id, numbers);
    int take = there > 0 && (there > 20 || sim_chance(&x->dice, 400));
    uint32_t seen = take ? numbers[sim_below(&x->dice, there)] : 0;
    uint32_t number = note(x, take ? LEDGER_TAKE : LEDGER_ADD, record, LEDGER_TEXTS, seen);
    ledger_text('w', take ? seen : number, text);
    return rove_element(x->d->replica, "Account", id, "alt_names", rove_text(text), !take,
                        &x->error);
}

static rove_status set_stage(writing *x, rove_id id, uint32_t record, int64_t stage) {
    rove_field fields[1] = {{"lifecycle_stage", rove_int(stage)}};
    int64_t before =
        device_number(x->d, "SELECT lifecycle_stage FROM account WHERE id = ?1", id, 0);
    for (size_t i = 0; i < x->count; i++) {
        const ledger_write *write = ledger_get(&x->d->w->ledger, x->writes[i]);
        before = write->what == LEDGER_STAGE && write->record == record ? write->parent : before;
    }
    uint32_t number = note(x, LEDGER_STAGE, record, LEDGER_TEXTS, (uint32_t)stage);
    ledger_get(&x->d->w->ledger, number)->seen[0] = (uint32_t)before;
    return rove_update(x->d->replica, "Account", id, fields, 1, &x->error);
}

static rove_status stage(writing *x) {
    uint32_t record = 0;
    rove_id id = pick(x, LEDGER_ACCOUNT, &record);
    int64_t to = 1 + (int64_t)sim_below(&x->dice, 8);
    return id == 0 ? ROVE_OK : set_stage(x, id, record, to);
}

static rove_status erase_one(writing *x, ledger_kind kind, rove_id id, uint32_t record) {
    uint32_t seen[LEDGER_TEXTS] = {0};
    for (unsigned i = 0; i < text_count(kind); i++) {
        seen[i] = shown(x, kind, id, i);
    }
    uint32_t number = note(x, LEDGER_DELETE, record, LEDGER_TEXTS, 0);
    memcpy(ledger_get(&x->d->w->ledger, number)->seen, seen, sizeof seen);
    ledger_record *erased = &x->d->w->ledger.records[record];
    if (erased->insert != 0 && x->d->w->ledger.writes[erased->insert].line == x->d->line &&
        x->d->w->ledger.writes[erased->insert].syncs == x->d->syncs) {
        erased->undone |= 1u << x->d->number; /* it was not sent: that leaves nothing but a note */
    }
    return rove_delete(x->d->replica, ledger_entities[kind].name, id, &x->error);
}

static rove_status erase(writing *x) {
    static const ledger_kind kinds[] = {LEDGER_VISIT, LEDGER_TASK, LEDGER_NOTE,
                                        LEDGER_LEAD,  LEDGER_ROLE, LEDGER_ACCOUNT};
    ledger_kind kind = kinds[sim_below(&x->dice, 20) < 19 ? sim_below(&x->dice, 5) : 5];
    uint32_t record = 0;
    rove_id id = pick(x, kind, &record);
    return id == 0 ? ROVE_OK : erase_one(x, kind, id, record);
}

static rove_status write_one(writing *x) {
    static const ledger_kind often[] = {LEDGER_ACCOUNT, LEDGER_ACCOUNT, LEDGER_ACCOUNT,
                                        LEDGER_VISIT,   LEDGER_VISIT,   LEDGER_VISIT,
                                        LEDGER_TASK,    LEDGER_CONTACT, LEDGER_LEAD};
    uint64_t what = sim_below(&x->dice, 100);
    if (what < 45) {
        return update(x, often[sim_below(&x->dice, 9)], 0);
    }
    if (what < 65) {
        return insert(x);
    }
    if (what < 74) {
        return count(x);
    }
    if (what < 83) {
        return element(x);
    }
    if (what < 88) {
        return stage(x);
    }
    return what < 94 ? erase(x) : update(x, LEDGER_VISIT, 1);
}

/* ---- what others do too --------------------------------------------------------------------------------- */

/* A word is added to an account's set, or taken out, whoever added it. */
static rove_status tag(writing *x, rove_id id, uint32_t record, uint32_t word) {
    char text[LEDGER_KEY_SIZE];
    rove_query *query = NULL;
    rove_error error = {0};
    ledger_text('t', word, text);
    rove_value parameters[2] = {rove_int(id), rove_text(text)};
    int there = rove_query_new(x->d->replica,
                               "SELECT 1 FROM account_alt_names WHERE id = ?1 AND element = ?2",
                               parameters, 2, &query, &error) == ROVE_OK &&
                rove_query_step(query, &error) == ROVE_OK;
    rove_query_free(query);
    (void)note(x, there ? LEDGER_UNTAG : LEDGER_TAG, record, LEDGER_TEXTS, word);
    return rove_element(x->d->replica, "Account", id, "alt_names", rove_text(text), !there,
                        &x->error);
}

/* Mostly forward, as it should be. */
static rove_status step(writing *x, rove_id id, uint32_t record) {
    int64_t before =
        device_number(x->d, "SELECT lifecycle_stage FROM account WHERE id = ?1", id, 0);
    int64_t to = before < 8 && sim_chance(&x->dice, 900)
                     ? before + 1 + (int64_t)sim_below(&x->dice, (uint64_t)(8 - before))
                     : 1 + (int64_t)sim_below(&x->dice, 8);
    return set_stage(x, id, record, to);
}

/* Somebody merges two accounts one way, somebody else the other. */
static rove_status merge(writing *x, uint32_t account) {
    uint32_t twin = account ^ 3; /* 1 and 2 */
    int back = x->d->number % 2;
    rove_id loser = device_find(x->d, back ? twin : account);
    rove_id winner = device_find(x->d, back ? account : twin);
    rove_field fields[1] = {{"merged_into_id", rove_int(winner)}};
    return loser == 0 || winner == 0
               ? ROVE_OK
               : rove_update(x->d->replica, "Account", loser, fields, 1, &x->error);
}

/* A new account with much to say about it, and a visit there. */
static rove_status open_account(writing *x) {
    uint32_t account = 0;
    uint32_t visit = 0;
    rove_id id = 0;
    rove_id visit_id = 0;
    rove_status status = insert_one(x, LEDGER_ACCOUNT, 0, 0, 0, &id, &account);
    if (status == ROVE_OK) {
        status = set_text(x, LEDGER_ACCOUNT, id, account, 3, 0);
    }
    return status != ROVE_OK || sim_chance(&x->dice, 200)
               ? status
               : insert_one(x, LEDGER_VISIT, account, id, 0, &visit_id, &visit);
}

/* The account that this device made last, if it still has it; 0: it has not. */
static rove_id last_made(const writing *x, uint32_t *record) {
    const ledger *l = &x->d->w->ledger;
    for (uint32_t i = (uint32_t)l->record_count; i-- > 1;) {
        const ledger_write *insert = &l->writes[l->records[i].insert];
        if (l->records[i].kind == LEDGER_ACCOUNT && l->records[i].insert != 0 &&
            insert->author == x->d->number && insert->done && !insert->given_up) {
            *record = i;
            return device_find(x->d, i);
        }
    }
    return 0;
}

static rove_status call(writing *x) {
    uint32_t account = 0;
    uint32_t visit = 0;
    rove_id visit_id = 0;
    rove_id id = last_made(x, &account);
    return id == 0 ? ROVE_OK : insert_one(x, LEDGER_VISIT, account, id, 0, &visit_id, &visit);
}

static rove_status drop(writing *x) {
    uint32_t account = 0;
    rove_id id = last_made(x, &account);
    return id == 0 ? ROVE_OK : erase_one(x, LEDGER_ACCOUNT, id, account);
}

/* A word that no contest knows. */
static rove_status word(writing *x) {
    uint64_t work = x->event->work;
    uint32_t account = 1 + (uint32_t)(work >> 4 & 1);
    rove_id id = device_find(x->d, account);
    return id == 0 ? ROVE_OK : tag(x, id, account, 3 + (uint32_t)(work >> 5 & 1));
}

/* One act of several reps on one record: which act and which record is in the lowest bits, the same for all of them. */
static rove_status contest(writing *x) {
    uint64_t work = x->event->work;
    uint32_t account = 1 + (uint32_t)(work >> 4 & 1);
    uint32_t visit = (work >> 5 & 1) != 0 ? 8 + account : 16 + account;
    rove_id id = device_find(x->d, account);
    rove_id visit_id = device_find(x->d, visit);
    unsigned act = (unsigned)(work >> 1 & 7);
    rove_field same[1] = {{"industry", rove_text("Retail")}};
    if (act == 6) {
        x->wordy = 1;
        return open_account(x);
    }
    if (id == 0 || ((act == 4 || act == 5) && visit_id == 0)) {
        return ROVE_OK;
    }
    switch (act) {
    case 0:
        return rove_update(x->d->replica, "Account", id, same, 1, &x->error);
    case 1:
    case 2:
        return tag(x, id, account, 1 + (uint32_t)(work >> 5 & 1));
    case 3:
        return (work >> 6 & 3) == 0 ? merge(x, account) : step(x, id, account);
    case 4: /* one signs a visit, others write on */
        x->wordy = sim_chance(&x->dice, 300);
        return set_text(x, LEDGER_VISIT, visit_id, visit, (unsigned)sim_below(&x->dice, 2),
                        (work >> 8) % 2 == 0);
    case PLAN_CONTEST_TEXT:
        return set_text(x, LEDGER_ACCOUNT, id, account, 2, 0);
    default: /* one deletes it */
        return (work >> 8) % 2 == 0 ? erase_one(x, LEDGER_VISIT, visit_id, visit)
                                    : set_text(x, LEDGER_VISIT, visit_id, visit,
                                               (unsigned)sim_below(&x->dice, 2), 0);
    }
}

/* ---- people of visits ----------------------------------------------------------------------------------- */

/* By its key. */
static uint32_t account_of(writing *x, rove_id id) {
    char key[64];
    (void)device_text(x->d, LEDGER_ACCOUNT, id, ledger_entities[LEDGER_ACCOUNT].key, key,
                      sizeof key);
    return ledger_number('r', key, strlen(key));
}

/* Somebody of the visit's account: who is on it is taken off, who is not is put on it. Now and then he is new. */
static rove_status person(writing *x, rove_id id, uint32_t visit) {
    rove_id contacts[PEOPLE_MAX];
    rove_id on_screen[PEOPLE_MAX];
    uint32_t made = 0;
    uint32_t role = 0;
    rove_id role_id = 0;
    rove_status status = ROVE_OK;
    rove_id account = device_number(x->d, "SELECT account_id FROM visit WHERE id = ?1", id, 0);
    size_t count = related(x->d,
                           "SELECT contact_id FROM account_contact_role WHERE account_id = ?1 "
                           "ORDER BY contact_id LIMIT 8",
                           account, contacts);
    if (count < 4 && sim_chance(&x->dice, 300)) {
        uint32_t about = account_of(x, account);
        status =
            about == 0 ? ROVE_OK : insert_one(x, LEDGER_CONTACT, 0, 0, 0, &contacts[count], &made);
        if (made != 0 && status == ROVE_OK) {
            status = insert_one(x, LEDGER_ROLE, about, account, contacts[count], &role_id, &role);
        }
        count += made != 0;
    }
    if (count == 0 || status != ROVE_OK) {
        return status;
    }
    rove_id contact = made != 0 ? contacts[count - 1] : contacts[sim_below(&x->dice, count)];
    uint32_t who = made != 0 ? made : person_of(x, contact);
    size_t there = related(x->d, SQL_PEOPLE, id, on_screen);
    int put = 0;
    for (size_t i = 0; i < there; i++) {
        put |= on_screen[i] == contact;
    }
    put = is_put(x, visit, who, put);
    if (who == 0 || (!put && there == PEOPLE_MAX)) {
        return ROVE_OK;
    }
    (void)note(x, put ? LEDGER_UNTAG : LEDGER_TAG, visit, LEDGER_TEXTS, who);
    return rove_element(x->d->replica, "Visit", id, "contact_ids", rove_int(contact), !put,
                        &x->error);
}

/* Which visit is in the lowest bits of the event, the same for all who come to it; in one of four it is any of his own. */
static rove_status people(writing *x) {
    uint64_t work = x->event->work;
    uint32_t visit = 9 + (uint32_t)(work >> 1 & 1) + (uint32_t)(work >> 2 & 1) * 8;
    rove_id id = 0;
    if ((work >> 3 & 3) == 0) {
        id = pick(x, LEDGER_VISIT, &visit);
    } else {
        id = device_find(x->d, visit);
    }
    if (id == 0) {
        return ROVE_OK;
    }
    return sim_chance(&x->dice, 200)
               ? set_text(x, LEDGER_VISIT, id, visit, (unsigned)sim_below(&x->dice, 2), 1)
               : person(x, id, visit);
}

/* ---- transactions --------------------------------------------------------------------------------------- */

/* How the writes that were noted since ended. */
static void settle(writing *x, rove_status status) {
    ledger *l = &x->d->w->ledger;
    int down = x->d->machine.disk.off;
    int failed = status == ROVE_IO || status == ROVE_FULL || status == ROVE_READONLY;
    for (size_t i = 0; i < x->count; i++) {
        ledger_write *write = ledger_get(l, x->writes[i]);
        write->done = status == ROVE_OK && !down;
        write->unsure = !write->done && (down || failed);
        x->d->w->counts->writes += (uint64_t)write->done;
        if (write->unsure) {
            ledger_record_get(l, write->record)->odd = 1;
        }
    }
}

/* Each of them, aloud. */
static void tell(const writing *x) {
    static const char *const whats[] = {"insert", "set",   "seal", "count", "add",   "take",
                                        "delete", "stage", "tag",  "untag", "signed"};
    const world *w = x->d->w;
    for (size_t i = 0; i < x->count && w->verbose; i++) {
        const ledger_write *write = &w->ledger.writes[x->writes[i]];
        const ledger_entity *entity = &ledger_entities[w->ledger.records[write->record].kind];
        fprintf(stderr, "                w%u: %s %s r%u %s, after w%u\n", x->writes[i],
                whats[write->what], entity->name, write->record,
                write->field < LEDGER_TEXTS ? entity->texts[write->field] : "", write->parent);
    }
}

/* Runs some writes in one transaction, and notes how it ended. */
static void transact(device *d, const plan_event *event, size_t wanted,
                     rove_status (*one)(writing *)) {
    writing x = {.d = d, .dice = sim_stream(event->work, 5), .state = {.size = sizeof x.state}};
    x.event = event;
    d->machine.core = sim_stream(event->work, 3);
    if (d->replica == NULL || d->user < 0 ||
        rove_read_state(d->replica, &x.state, &x.error) != ROVE_OK) {
        device_look(d);
        return;
    }
    if (wanted == 0) {
        wanted = sim_chance(&x.dice, 200) ? 2 + sim_below(&x.dice, TX_WRITES - 1) : 1;
    }
    rove_status status = rove_begin(d->replica, &x.error);
    int open = status == ROVE_OK;
    for (size_t i = 0; i < wanted && status == ROVE_OK; i++) {
        status = one(&x);
    }
    if (open && status == ROVE_OK) {
        status = rove_commit(d->replica, &x.error);
    } else if (open) {
        rove_rollback(d->replica);
    }
    world_says(d->w, "device %d writes w%u..w%u: %s", d->number, x.count > 0 ? x.writes[0] : 0,
               x.count > 0 ? x.writes[x.count - 1] : 0, rove_status_name(status));
    tell(&x);
    (void)device_may(d, "write", status, &x.error);
    settle(&x, status);
    device_look(d);
}

void writes_act(device *d, const plan_event *event) {
    switch (event->what) {
    case PLAN_OPENS:
        transact(d, event, 1, insert_account);
        break;
    case PLAN_CALLS:
        transact(d, event, 1, call);
        break;
    case PLAN_DROPS:
        transact(d, event, 1, drop);
        break;
    case PLAN_TAG:
        transact(d, event, 1, word);
        break;
    case PLAN_PEOPLE:
        transact(d, event, 0, people);
        break;
    default:
        transact(d, event, 0, write_one);
    }
}

void writes_contest(device *d, const plan_event *event) {
    transact(d, event, 1, contest);
}

/* ---- taking back ---------------------------------------------------------------------------------------- */

void writes_undo(device *d, const plan_event *event) {
    writing x = {.d = d, .dice = sim_stream(event->work, 5)};
    ledger_kind kind = sim_chance(&x.dice, 500) ? LEDGER_ACCOUNT : LEDGER_VISIT;
    uint32_t record = 0;
    if (d->replica == NULL || d->user < 0) {
        return;
    }
    d->machine.core = sim_stream(event->work, 3);
    rove_id id = pick(&x, kind, &record);
    if (id != 0) {
        rove_status status = rove_undo(d->replica, ledger_entities[kind].name, id, &x.error);
        (void)device_may(d, "write", status, &x.error);
        world_says(d->w, "device %d takes back r%u: %s", d->number, record,
                   rove_status_name(status));
        ledger *l = &d->w->ledger;
        int done = status == ROVE_OK || d->machine.disk.off;
        l->records[record].undone |= done ? 1u << d->number : 0;
        for (uint32_t i = 1; i < l->count && done; i++) {
            if (l->writes[i].author == d->number && l->writes[i].record == record) {
                l->writes[i].given_up = 1;
                l->records[record].odd = 1;
            }
        }
    }
    device_look(d);
}

/* ---- deciding ------------------------------------------------------------------------------------------- */

typedef struct numbers {
    int64_t items[64];
    rove_id ids[64];
    ledger_kind kinds[64]; /* LEDGER_KINDS: another one */
    int returned[64];      /* by an operator, who has looked at it */
    size_t count;
    office *o;
} numbers;

/* A rep does not do again on one device what he did again on another: that would be there twice (docs/testing.md). */
static int is_retried(const office *o, int64_t number) {
    for (size_t i = 0; i < o->retried_count; i++) {
        if (o->retried[i] == number) {
            return 1;
        }
    }
    return 0;
}

static rove_status take_rejection(void *ctx, const rove_rejection *rejection) {
    numbers *n = ctx;
    if (n->count < 64 && !(rejection->returned && is_retried(n->o, rejection->number))) {
        ledger_kind kind = LEDGER_ACCOUNT;
        while (kind < LEDGER_KINDS && strcmp(ledger_entities[kind].name, rejection->entity) != 0) {
            kind++;
        }
        n->ids[n->count] = rejection->id;
        n->kinds[n->count] = kind;
        n->returned[n->count] = rejection->returned;
        n->items[n->count++] = rejection->number;
    }
    return ROVE_OK;
}

static rove_status take_conflict(void *ctx, const rove_conflict *conflict) {
    numbers *n = ctx;
    if (n->count < 64 && conflict->open) {
        n->items[n->count++] = conflict->number;
    }
    return ROVE_OK;
}

/* What was refused takes the place of what its author wrote there meanwhile. */
static void replaced(device *d, ledger_kind kind, rove_id id) {
    ledger *l = &d->w->ledger;
    char key[64];
    if (kind == LEDGER_KINDS ||
        !device_text(d, kind, id, ledger_entities[kind].key, key, sizeof key)) {
        return;
    }
    uint32_t record = ledger_number('r', key, strlen(key));
    if (record == 0) {
        return;
    }
    int redone = l->records[record].redone != 0 && l->records[record].redone + 3 > d->syncs;
    l->records[record].again = 1;
    l->records[record].redone = d->syncs + 1;
    for (uint32_t i = 1; i < l->count; i++) {
        if (l->writes[i].author == d->number && l->writes[i].record == record &&
            (redone || l->writes[i].syncs + 3 > d->syncs)) { /* it may not have been sent */
            l->writes[i].given_up = 1;
            l->records[record].odd = 1;
        }
    }
}

/* Which writes of revoked devices a piece of returned work has, and of which note it is. */
typedef struct returned_work {
    ledger *l;
    uint32_t record;
    uint32_t note; /* 0: of none */
    uint32_t writes[64];
    size_t count;
} returned_work;

static rove_status take_returned(void *ctx, const rove_refused_field *field) {
    returned_work *x = ctx;
    uint32_t number = field->value.type == ROVE_TEXT
                          ? ledger_number('w', field->value.as.data, field->value.size)
                          : 0;
    uint32_t note = notes_number(&field->value);
    x->note = note != 0 ? note : x->note;
    for (uint32_t i = 1; i < x->l->count && x->count < 64; i++) {
        const ledger_write *write = &x->l->writes[i];
        int added = field->value.type == ROVE_INT && write->what == LEDGER_COUNT &&
                    write->record == x->record; /* increments are shown as their sum */
        if (write->barred && (i == number || added)) {
            x->writes[x->count++] = i;
        }
    }
    return ROVE_OK;
}

static rove_status list_returned(device *d, ledger_kind kind, rove_id id, int64_t number,
                                 returned_work *x, rove_error *error) {
    char key[LEDGER_KEY_SIZE] = "";
    *x = (returned_work){.l = &d->w->ledger};
    if (kind < LEDGER_KINDS) {
        (void)device_text(d, kind, id, ledger_entities[kind].key, key, sizeof key);
    }
    x->record = ledger_number('r', key, strlen(key));
    return rove_rejection_read(d->replica, number, take_returned, x, error);
}

void writes_settle(device *d, const plan_event *event) {
    sim_dice dice = sim_stream(event->work, 5);
    numbers n = {.o = &d->w->office};
    returned_work again = {.count = 0};
    rove_error error = {0};
    rove_status status = ROVE_OK;
    if (d->replica == NULL || d->user < 0) {
        return;
    }
    d->machine.core = sim_stream(event->work, 3);
    int conflicts = sim_chance(&dice, 600);
    status = conflicts ? rove_conflicts(d->replica, NULL, take_conflict, &n, &error)
                       : rove_rejections(d->replica, take_rejection, &n, &error);
    (void)device_may(d, "list", status, &error);
    if (status == ROVE_OK && n.count > 0) {
        size_t at = (size_t)sim_below(&dice, n.count);
        int64_t number = n.items[at];
        if (!conflicts) {
            replaced(d, n.kinds[at], n.ids[at]);
            if (n.returned[at] && n.o->retried_count < OFFICE_RETRIED) {
                n.o->retried[n.o->retried_count++] = number;
            }
        }
        if (!conflicts && n.returned[at]) {
            status = list_returned(d, n.kinds[at], n.ids[at], number, &again, &error);
        }
        /* Only what stands is kept: a value that comes back would be a second write of its number. */
        if (status == ROVE_OK) {
            status = conflicts ? rove_conflict_settle(d->replica, number, 0, &error)
                               : rove_rejection_retry(d->replica, number, NULL, 0, &error);
        }
        (void)device_may(d, "retry", status, &error);
        d->w->counts->settled += status == ROVE_OK;
        d->retried |= !conflicts;
        if (status == ROVE_OK || d->machine.disk.off) {
            notes_again(d->w, again.note);
        }
        /* What an operator looked at, and its author does again, is no work of a revoked device any more. */
        for (size_t i = 0; i < again.count && (status == ROVE_OK || d->machine.disk.off); i++) {
            ledger_get(&d->w->ledger, again.writes[i])->barred = 0;
        }
    }
    device_look(d);
}
