/*
 * small/ledger.c - the oracle of the small-scope run (ledger.h).
 */
#include "ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rove/entities.pb-c.h"

#define WRITES        16 /* numbers of writes; bit n of a mask is write n */
#define FIRST         15 /* stands for what was there at the beginning */
#define FIELDS        4
#define CONFLICTS_MAX 64

static const char *const fields[FIELDS] = {"phone", "notes", "outcome", "lifecycle_stage"};

typedef struct written {
    op op;
    int device;
    int counts;    /* it was accepted, and changed something */
    int parent;    /* the write whose value it replaced; FIRST */
    int64_t epoch; /* of a stage: how often anybody before it stepped back */
    uint32_t saw;  /* of a delete: the writes that the rep had on his screen, and all before them */
    uint32_t knew; /* of a set: that he had certainly seen */
    uint32_t perhaps;          /* that he may have seen */
    int64_t signed_as[FIELDS]; /* of a seal: the record as it was shown */
} written;

static struct {
    written writes[WRITES];
    int count;
    uint32_t knows[DEVICES], perhaps[DEVICES], headquarters; /* masks */
    int holds[DEVICES];
} book;

void ledger_open(void) {
    memset(&book, 0, sizeof book);
    book.headquarters = 1u << FIRST;
    for (int device = 0; device < DEVICES; device++) {
        book.knows[device] = book.perhaps[device] = 1u << FIRST;
        book.holds[device] = 1;
    }
}

/* The account has these fields, visits the others. */
static int is_of(const char *field, record r) {
    return (strcmp(field, "phone") == 0 || strcmp(field, "lifecycle_stage") == 0) == (r == ACCOUNT);
}

static int alive(record r) {
    return world_current(r, r == ACCOUNT ? "phone" : "notes") >= 0;
}

/* ---- what reps do and see ---- */

static int is_value(const written *w) {
    return w->op.kind == SET || w->op.kind == RANK || w->op.kind == INSERT || w->op.kind == SEAL;
}

static int is_field(const char *a, const char *b) {
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

/* The write that made a value; FIRST for what was there. */
static int writer_of(record r, const char *field, int64_t value) {
    for (int i = 0; i < book.count; i++) {
        const written *w = &book.writes[i];
        if (is_value(w) && w->op.record == r && is_field(w->op.field, field) &&
            w->op.value == value) {
            return i;
        }
    }
    return FIRST;
}

/* A write and all that its chain goes back to. */
static uint32_t chain_of(int at) {
    uint32_t mask = 0;

    while (at != FIRST) {
        mask |= 1u << at;
        at = book.writes[at].parent;
    }
    return mask | 1u << FIRST;
}

static int is_in(int before, int after) {
    return (chain_of(after) >> before & 1) != 0;
}

/* All that the screen shows of a record, and all that is behind it. */
static uint32_t screen(int device, record r) {
    uint32_t mask = 1u << FIRST;

    for (size_t i = 0; i < FIELDS; i++) {
        int64_t shown = is_of(fields[i], r) ? world_shown(device, r, fields[i]) : -1;
        if (shown >= 0) {
            mask |= chain_of(writer_of(r, fields[i], shown));
        }
    }
    return mask;
}

static int changes_nothing(int device, const op *o) {
    int there = world_shows_element(device, o->value);

    return (o->kind == ADD && there) || (o->kind == REMOVE && !there);
}

static void note_before(int device, const op *o, written *w) {
    *w = (written){.op = *o, .device = device, .parent = FIRST};
    w->knew = book.knows[device];
    w->perhaps = book.perhaps[device];
    w->counts = !changes_nothing(device, o);
    if (o->kind == DELETE) {
        w->saw = screen(device, o->record);
    }
    if (o->field != NULL && o->kind != INSERT && is_value(w)) {
        w->parent = writer_of(o->record, o->field, world_shown(device, o->record, o->field));
    }
    if (o->kind == RANK) {
        int64_t seen = w->parent == FIRST ? FIRST_STAGE : book.writes[w->parent].op.value;
        w->epoch = (w->parent == FIRST ? 0 : book.writes[w->parent].epoch) + (o->value < seen);
    }
}

void ledger_do(int device, const op *o) {
    written *w = &book.writes[book.count];

    if (o->kind == NOTHING) {
        return;
    }
    note_before(device, o, w);
    rove_status status = world_do(device, o);
    if (status != ROVE_OK && status != ROVE_NOT_FOUND && status != ROVE_STATE) {
        fail_msg("an act of device %d: %s", device, rove_status_name(status));
    }
    w->counts &= status == ROVE_OK;
    for (size_t i = 0; i < FIELDS && w->counts && o->kind == SEAL; i++) {
        w->signed_as[i] = is_of(fields[i], VISIT) ? world_shown(device, o->record, fields[i]) : 0;
    }
    if (w->counts) {
        book.knows[device] |= 1u << book.count;
        book.perhaps[device] |= 1u << book.count;
        book.count++;
    }
}

void ledger_reached(int device) {
    for (int i = 0; i < book.count; i++) {
        book.headquarters |= book.writes[i].device == device ? 1u << i : 0;
    }
}

void ledger_synced(int device, const sync_outcome *outcome) {
    if (outcome->answered) {
        book.perhaps[device] |= book.headquarters;
    }
    if (outcome->complete) {
        book.knows[device] |= book.headquarters;
    }
}

void ledger_reassigned(int from, int to) {
    if (!alive(ACCOUNT)) {
        return; /* a deleted account stays whose it was, with its visits */
    }
    /* A write of headquarters, to the account, that shows on no field that is looked at here. */
    book.writes[book.count] = (written){.op = {.record = ACCOUNT}, .device = -1, .parent = FIRST};
    book.headquarters |= 1u << book.count++;
    book.holds[from] = 0;
    book.holds[to] = 1;
}

/* ---- what has to be true ---- */

/* Who deleted the record had it on his screen: it is replaced by the delete, whether that counts or not. */
static int was_deleted(int at) {
    for (int i = 0; i < book.count; i++) {
        if (book.writes[i].op.kind == DELETE &&
            book.writes[i].op.record == book.writes[at].op.record &&
            (book.writes[i].saw >> at & 1) != 0) {
            return 1;
        }
    }
    return 0;
}

static int was_replaced(int at) {
    for (int i = 0; i < book.count; i++) {
        if (i != at && is_value(&book.writes[i]) && is_in(at, i)) {
            return 1;
        }
    }
    return 0;
}

static int is_kept(const written *w) {
    clash c;

    for (size_t n = 0; world_conflict(n, &c); n++) {
        if (c.record == w->op.record && is_field(c.field, w->op.field) && c.lost == w->op.value) {
            return 1;
        }
    }
    return 0;
}

static void check_values(void) {
    for (int i = 0; i < book.count; i++) {
        const written *w = &book.writes[i];
        if (!is_value(w) || was_replaced(i) || was_deleted(i) || is_kept(w) ||
            world_current(w->op.record, w->op.field) == w->op.value) {
            continue;
        }
        fail_msg("%s = %d of device %d is lost", w->op.field, (int)w->op.value, w->device);
    }
}

static void check_stage(void) {
    int64_t epoch = 0;
    int64_t stage = FIRST_STAGE;

    for (int i = 0; i < book.count; i++) {
        const written *w = &book.writes[i];
        if (w->op.kind == RANK &&
            (w->epoch > epoch || (w->epoch == epoch && w->op.value > stage))) {
            epoch = w->epoch;
            stage = w->op.value;
        }
    }
    if (alive(ACCOUNT) && world_current(ACCOUNT, "lifecycle_stage") != stage) {
        fail_msg("the stage is %d and should be %d", (int)world_current(ACCOUNT, "lifecycle_stage"),
                 (int)stage);
    }
}

static void check_sum(void) {
    int64_t sum = FIRST_VALUE;

    for (int i = 0; i < book.count; i++) {
        sum += book.writes[i].op.kind == COUNT ? book.writes[i].op.value : 0;
    }
    if (alive(ACCOUNT) && world_current(ACCOUNT, "points") != sum) {
        fail_msg("the sum is %d and should be %d", (int)world_current(ACCOUNT, "points"), (int)sum);
    }
}

/* Whether an add is gone: 1 if its remover had seen it for certain, 0 if nobody can have, -1 if that cannot be said. */
static int is_removed(int64_t element, int add) {
    int perhaps = 0;

    for (int i = 0; i < book.count; i++) {
        const written *w = &book.writes[i];
        if (w->op.kind != REMOVE || w->op.value != element) {
            continue;
        }
        if ((w->knew >> add & 1) != 0) {
            return 1;
        }
        perhaps |= (int)(w->perhaps >> add & 1);
    }
    return -perhaps;
}

static void check_element(int64_t element) {
    int must = 0;
    int may = 0;

    for (int i = 0; i <= FIRST; i++) {
        int adds = i == FIRST ? element == FIRST_VALUE
                              : i < book.count && book.writes[i].op.kind == ADD &&
                                    book.writes[i].op.value == element;
        int removed = adds ? is_removed(element, i) : 1;
        must |= removed == 0;
        may |= removed <= 0;
    }
    int there = world_has_element(element);
    if ((must && !there) || (there && !may)) {
        fail_msg("element %d is %s", (int)element, there ? "there" : "not there");
    }
}

/* Who deleted had seen all that is gone; what came back did so because of something that he had not seen. */
static void check_deletes(void) {
    for (int i = 0; i < book.count; i++) {
        const written *w = &book.writes[i];
        int reason = 0;
        if (w->op.kind != DELETE || !alive(w->op.record)) {
            continue;
        }
        for (int k = 0; k < book.count; k++) {
            const written *other = &book.writes[k];
            uint32_t seen = other->op.kind == NOTHING ? w->knew : w->saw;
            reason |= other->op.record == w->op.record && other->op.kind != DELETE &&
                      (seen >> k & 1) == 0;
        }
        if (!reason) {
            fail_msg("what device %d deleted, having seen it all, is back", w->device);
        }
    }
}

static void check_seals(void) {
    int sealed = 0;
    int as_signed = 0;

    for (int i = 0; i < book.count; i++) {
        const written *w = &book.writes[i];
        int same = 1;
        if (w->op.kind != SEAL) {
            continue;
        }
        sealed = 1;
        for (size_t k = 1; k < FIELDS - 1; k++) {
            same &= world_current(w->op.record, fields[k]) == w->signed_as[k];
        }
        as_signed |= same && world_current(w->op.record, "sealed_at") > 0;
    }
    if (sealed && !as_signed) {
        fail_msg("the sealed record is not as anybody signed it");
    }
}

/* Conflicts only between those who had not seen each other, and each once. */
static void check_conflicts(void) {
    clash all[CONFLICTS_MAX];
    size_t count = 0;

    while (world_conflict(count, &all[count])) {
        assert_true(++count < CONFLICTS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        const clash *c = &all[i];
        for (size_t k = 0; k < i; k++) {
            if (memcmp(c, &all[k], sizeof *c) == 0) {
                fail_msg("one conflict is there twice: %d", (int)c->kind);
            }
        }
        if (c->field == NULL || (c->kind != ROVE__CONFLICT__KIND__REGISTER_WRITE &&
                                 c->kind != ROVE__CONFLICT__KIND__RANK_WRITE)) {
            continue;
        }
        int kept = writer_of(c->record, c->field, c->kept);
        int lost = writer_of(c->record, c->field, c->lost);
        if (is_in(kept, lost) || is_in(lost, kept)) {
            fail_msg("%s: %d was there when %d was written, and is a conflict with it", c->field,
                     (int)c->lost, (int)c->kept);
        }
    }
}

/* A delete of what another had sealed is refused, and the rep can see that; nothing else is. */
static uint64_t may_be_refused(int device) {
    uint64_t deletes_of_sealed = 0;

    for (int i = 0; i < book.count; i++) {
        const written *w = &book.writes[i];
        deletes_of_sealed += w->device == device && w->op.kind == DELETE &&
                             w->op.record != ACCOUNT &&
                             world_current(w->op.record, "sealed_at") > 0;
    }
    return deletes_of_sealed;
}

/* Each has what headquarters has of what he holds, and nothing else. */
static void check_device(int device) {
    uint64_t refused = world_refused(device);

    if (refused > may_be_refused(device)) {
        fail_msg("%d acts of device %d are refused", (int)refused, device);
    }
    for (record r = ACCOUNT; r < RECORDS; r++) {
        int wanted = book.holds[device] && alive(r);
        for (size_t i = 0; i < FIELDS; i++) {
            if (!is_of(fields[i], r)) {
                continue;
            }
            int64_t shown = world_shown(device, r, fields[i]);
            if (wanted ? shown != world_current(r, fields[i]) : shown >= 0) {
                fail_msg("device %d shows %d of record %d's %s", device, (int)shown, (int)r,
                         fields[i]);
            }
        }
    }
    world_verify(device);
}

void ledger_check(void) {
    check_values();
    check_stage();
    check_sum();
    for (int i = 0; i < book.count && alive(ACCOUNT); i++) {
        if (book.writes[i].op.kind == ADD || book.writes[i].op.kind == REMOVE) {
            check_element(book.writes[i].op.value);
        }
    }
    check_deletes();
    check_seals();
    check_conflicts();
    if (world_reviews() != 0) {
        fail_msg("honest work is in review: %d", (int)world_reviews());
    }
    for (int device = 0; device < DEVICES; device++) {
        check_device(device);
    }
}
