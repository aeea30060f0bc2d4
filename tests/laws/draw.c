/*
 * laws/draw.c - random values, cells, sets, clocks and rows (draw.h), the simplest first.
 */
#include "draw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BIG        ((size_t)ROVE_VALUE_MAX)
#define MANY       600
#define ENTITY_OFF 63u /* the number of an entity that this build does not know */

static const int64_t ends[] = {0, 1, -1, INT64_MAX, INT64_MIN, INT64_MAX - 1, INT64_MIN + 1};

/* 0.0, 1.0, -1.0, -0.0, infinities, NaNs quiet, signalling and negative, denormals, the largest. */
static const uint64_t reals[] = {0,
                                 UINT64_C(0x3ff0000000000000),
                                 UINT64_C(0xbff0000000000000),
                                 UINT64_C(0x8000000000000000),
                                 UINT64_C(0x7ff0000000000000),
                                 UINT64_C(0xfff0000000000000),
                                 UINT64_C(0x7ff8000000000000),
                                 UINT64_C(0x7ff0000000000001),
                                 UINT64_C(0xfff8dead00beef01),
                                 UINT64_C(0x0000000000000001),
                                 UINT64_C(0x800fffffffffffff),
                                 UINT64_C(0x7fefffffffffffff)};

static int64_t draw_int(lab *l) {
    switch (lab_pick(l, 8)) {
    case 6:
        return ends[lab_pick(l, sizeof ends / sizeof *ends)];
    case 7:
        return (int64_t)lab_pick(l, 0);
    default:
        return (int64_t)lab_pick(l, DRAW_FEW);
    }
}

static rove_value draw_real(lab *l) {
    uint64_t bits = lab_pick(l, 4) == 3 ? lab_pick(l, 0) : reals[lab_pick(l, sizeof reals / 8)];
    double real = 0;

    memcpy(&real, &bits, sizeof real);
    return rove__value_real(real);
}

/* 64 KiB, or one byte less; all the same but for the last one. */
static rove_value draw_big(lab *l, rove_type type) {
    static uint8_t bytes[2][ROVE_VALUE_MAX];
    size_t which = (size_t)lab_pick(l, 2);

    if (bytes[which][0] == 0) {
        memset(bytes[which], 'a', BIG);
        bytes[which][BIG - 1] = (uint8_t)('a' + which);
    }
    return rove__value_bytes(type, bytes[which], BIG - (size_t)lab_pick(l, 2));
}

static rove_value draw_bytes(lab *l, rove_type type) {
    static const char letters[] = "ab\0\xff";

    if (lab_rarely(l, 256)) {
        return draw_big(l, type);
    }
    size_t size = (size_t)lab_pick(l, 4);
    char *bytes = lab_take(l, size);
    for (size_t i = 0; i < size; i++) {
        size_t roll = (size_t)lab_pick(l, 16);
        bytes[i] = letters[roll < 14 ? roll % 2 : roll - 12];
    }
    return rove__value_bytes(type, bytes, size);
}

rove_value draw_value(lab *l) {
    uint64_t roll = lab_pick(l, 12);

    if (roll == 0) {
        return rove__value_null();
    }
    if (roll < 5) {
        return rove__value_int(draw_int(l));
    }
    if (roll < 7) {
        return draw_real(l);
    }
    return draw_bytes(l, roll < 10 ? ROVE_TEXT : ROVE_BLOB);
}

int value_is_legal(const rove_value *value) {
    if (value->type == ROVE_REAL) {
        double real = value->as.real;
        uint64_t bits = 0;
        memcpy(&bits, &real, sizeof bits);
        return real - real == 0 && bits != reals[3];
    }
    for (size_t i = 0; value->type == ROVE_TEXT && i < value->size; i++) {
        if (value->as.data[i] == 0 || value->as.data[i] >= 0x80) {
            return 0; /* the only other bytes that are drawn */
        }
    }
    return 1;
}

rove_value draw_stage(lab *l) {
    return rove__value_int(draw_int(l));
}

rove__version draw_version(lab *l) {
    rove__version version;

    version.stamp = lab_rarely(l, 64) ? ROVE_STAMP_MAX - 4 - lab_pick(l, 2) : lab_pick(l, DRAW_FEW);
    version.replica = lab_rarely(l, 64) ? ROVE_REPLICA_MAX : (rove_replica)lab_pick(l, DRAW_FEW);
    return version;
}

rove__cell draw_cell(lab *l) {
    rove__cell cell;

    cell.value = draw_value(l);
    cell.version = draw_version(l);
    cell.epoch = 0;
    return cell;
}

rove__cell draw_rank(lab *l) {
    rove__cell cell;

    cell.value = draw_stage(l);
    cell.version = draw_version(l);
    cell.epoch = lab_rarely(l, 64) ? UINT32_MAX : (uint32_t)lab_pick(l, 2);
    return cell;
}

rove__increment *draw_increments(lab *l, size_t *count) {
    size_t most = lab_rarely(l, 512) ? MANY : (size_t)lab_pick(l, 5);
    rove__increment *made = lab_take(l, most * sizeof *made);
    rove_stamp raw = 0;

    *count = most;
    for (size_t i = 0; i < most; i++) {
        raw += 1 + lab_pick(l, 2);
        made[i].raw = raw;
        made[i].delta = draw_int(l);
    }
    if (most > 0 && lab_rarely(l, 16)) {
        made[most - 1].raw = ROVE_STAMP_MAX;
    }
    return made;
}

/* ---- sets ---- */

draw_elements draw_universe(lab *l) {
    static const int64_t numbers[ELEMENTS] = {INT64_MIN, -1, 0, 1, 2, INT64_MAX};
    static const char *const texts[ELEMENTS] = {"", "a", "aa", "ab", "b", "\xe5\xae\xa2"};
    int text = (int)lab_pick(l, 2);
    draw_elements drawn;

    for (size_t i = 0; i < ELEMENTS; i++) {
        drawn.value[i] = text ? rove__value_text(texts[i]) : rove__value_int(numbers[i]);
    }
    return drawn;
}

static rove__set room(lab *l, rove__set_form form) {
    rove__set set = {form, lab_take(l, ELEMENTS * sizeof(rove__element)), 0};

    return set;
}

static rove__element *put(rove__set *set, rove_value value) {
    rove__element *element = &set->elements[set->count++];

    memset(element, 0, sizeof *element);
    element->value = value;
    return element;
}

/* By replicas 1 to 3: A, B and somebody else. */
static rove__version draw_held(lab *l) {
    rove__version version = {10 + lab_pick(l, DRAW_FEW), 3 - (rove_replica)lab_pick(l, 3)};

    return version;
}

rove__set draw_set(lab *l, const draw_elements *universe) {
    rove__set set = room(l, ROVE_SET_VERSIONED);

    for (size_t i = 0; i < ELEMENTS; i++) {
        if (lab_pick(l, 2) == 1) {
            put(&set, universe->value[i])->version = draw_held(l);
        }
    }
    return set;
}

rove__set draw_plain(lab *l, const draw_elements *universe) {
    rove__set set = room(l, ROVE_SET_PLAIN);

    for (size_t i = 0; i < ELEMENTS; i++) {
        if (lab_pick(l, 2) == 1) {
            (void)put(&set, universe->value[i]);
        }
    }
    return set;
}

rove__set draw_delta(lab *l, const draw_elements *universe, const rove__set *seen) {
    rove__set set = room(l, ROVE_SET_DELTA);

    for (size_t i = 0; i < ELEMENTS; i++) {
        uint64_t roll = lab_pick(l, 6);
        int found = 0;
        size_t at = rove__set_find(seen, &universe->value[i], &found);
        if (roll < 2) {
            continue;
        }
        rove__element *element = put(&set, universe->value[i]);
        element->action = roll == 2 ? ROVE_SET_ADD : ROVE_SET_REMOVE;
        element->raw = lab_pick(l, DRAW_FEW);
        if (roll == 3 && found) {
            element->version = seen->elements[at].version;
        } else if (roll == 4) {
            element->version = (rove__version){5, 3};
        }
    }
    return set;
}

/* ---- clocks and rows ---- */

rove__clock_entry draw_entry(lab *l, const rove__clock *clock, int with_seqs) {
    rove__clock_entry entry = {.field = 1 + (uint32_t)lab_pick(l, 5), .seq = clock->seq};

    if (lab_rarely(l, 32)) {
        entry.field = UINT32_MAX - (uint32_t)lab_pick(l, 2);
    }
    entry.version = lab_pick(l, 3) == 0 ? clock->base : draw_version(l);
    if (lab_pick(l, 4) == 3) {
        entry.epoch = lab_rarely(l, 8) ? UINT32_MAX : (uint32_t)lab_pick(l, DRAW_FEW);
    }
    if (with_seqs && lab_pick(l, 2) == 1) {
        entry.seq = lab_rarely(l, 16) ? UINT64_MAX : lab_pick(l, DRAW_FEW);
    }
    return entry;
}

rove__clock draw_clock(lab *l, int with_seqs) {
    rove__clock clock;
    rove__version origin = draw_version(l);
    rove__version base = lab_pick(l, 2) == 0 ? origin : draw_version(l);

    rove__clock_init(&clock, origin, base, with_seqs ? lab_pick(l, DRAW_FEW) : 0);
    for (uint64_t sets = lab_pick(l, 5); sets > 0; sets--) {
        if (rove__clock_set(&clock, &l->arena, draw_entry(l, &clock, with_seqs)) != ROVE_OK) {
            abort();
        }
    }
    return clock;
}

/* Unknown fields that stand before, between and after what an entity knows, ascending. */
static void draw_extra(lab *l, rove__row *row) {
    static const uint32_t numbers[] = {900, 901, 999, 70000};

    row->extra = lab_take(l, sizeof numbers / sizeof *numbers * sizeof *row->extra);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (lab_pick(l, 4) == 3) {
            row->extra[row->extra_count++] = (rove__extra){numbers[i], draw_value(l)};
        }
    }
}

rove__row draw_row(lab *l) {
    const rove__entity *entity = rove__registry_by_name(l->registry, "Visit");
    rove_id id = rove__id_make(1 + (rove_replica)lab_pick(l, 2), 1 + (uint32_t)lab_pick(l, 3));
    rove__row row = {.entity_number = ENTITY_OFF, .id = id};

    if (lab_pick(l, 4) != 3) {
        if (rove__row_init(&row, entity, id, &l->arena) != ROVE_OK) {
            abort();
        }
        for (uint64_t cells = lab_pick(l, 4); cells > 0; cells--) {
            rove__row_set(&row, (size_t)lab_pick(l, row.cell_count), draw_value(l));
        }
    }
    draw_extra(l, &row);
    return row;
}

/* ---- in words ---- */

static void print_value(const rove_value *value) {
    static const char *const types[] = {"NULL", "INT", "REAL", "TEXT", "BLOB"};
    uint64_t bits = 0;

    printf("%s", types[value->type]);
    if (value->type == ROVE_INT) {
        printf(" %lld", (long long)value->as.integer);
    } else if (value->type == ROVE_REAL) {
        memcpy(&bits, &value->as.real, sizeof bits);
        printf(" %.17g (bits %016llx)", value->as.real, (unsigned long long)bits);
    } else if (value->type != ROVE_NULL) {
        printf(" of %zu:", value->size);
        for (size_t i = 0; i < value->size && i < 8; i++) {
            printf(" %02x", value->as.data[i]);
        }
        printf(value->size > 8 ? " ..." : "");
    }
}

static void print_version(rove__version version) {
    printf(" (%llu, %u)", (unsigned long long)version.stamp, (unsigned)version.replica);
}

static void print_name(const char *name) {
    printf("  %-8s", name);
}

void show_value(const lab *l, const char *name, const rove_value *value) {
    if (l->tell) {
        print_name(name);
        print_value(value);
        printf("\n");
    }
}

void show_version(const lab *l, const char *name, rove__version version) {
    if (l->tell) {
        print_name(name);
        print_version(version);
        printf("\n");
    }
}

void show_number(const lab *l, const char *name, int64_t number) {
    if (l->tell) {
        print_name(name);
        printf("%lld\n", (long long)number);
    }
}

void show_cell(const lab *l, const char *name, const rove__cell *cell) {
    if (l->tell) {
        print_name(name);
        print_value(&cell->value);
        print_version(cell->version);
        printf(" epoch %u\n", (unsigned)cell->epoch);
    }
}

void show_increments(const lab *l, const char *name, const rove__increment *increments,
                     size_t count) {
    if (!l->tell) {
        return;
    }
    print_name(name);
    for (size_t i = 0; i < count; i++) {
        printf("%lld at %llu, ", (long long)increments[i].delta,
               (unsigned long long)increments[i].raw);
    }
    printf("%zu in all\n", count);
}

void show_set(const lab *l, const char *name, const rove__set *set) {
    if (!l->tell) {
        return;
    }
    print_name(name);
    for (size_t i = 0; i < set->count; i++) {
        const rove__element *element = &set->elements[i];
        if (set->form == ROVE_SET_DELTA) {
            printf(element->action == ROVE_SET_ADD ? "add " : "remove ");
        }
        print_value(&element->value);
        if (set->form != ROVE_SET_PLAIN) {
            print_version(element->version);
        }
        printf("; ");
    }
    printf("%zu in all\n", set->count);
}

void show_clock(const lab *l, const char *name, const rove__clock *clock) {
    if (!l->tell) {
        return;
    }
    print_name(name);
    printf("origin");
    print_version(clock->origin);
    printf(" base");
    print_version(clock->base);
    printf(" seq %llu", (unsigned long long)clock->seq);
    for (size_t i = 0; i < clock->count; i++) {
        printf("; %u:", (unsigned)clock->entries[i].field);
        print_version(clock->entries[i].version);
        printf(" epoch %u seq %llu", (unsigned)clock->entries[i].epoch,
               (unsigned long long)clock->entries[i].seq);
    }
    printf("\n");
}

void show_row(const lab *l, const char *name, const rove__row *row) {
    if (!l->tell) {
        return;
    }
    print_name(name);
    printf("entity %u, id %llx\n", (unsigned)row->entity_number, (unsigned long long)row->id);
    for (size_t i = 0; i < row->cell_count; i++) {
        if (rove__bits_get(&row->present, i)) {
            show_value(l, row->entity->fields[i].name, &row->cells[i]);
        }
    }
    for (size_t i = 0; i < row->extra_count; i++) {
        show_number(l, "field", row->extra[i].number);
        show_value(l, "", &row->extra[i].value);
    }
}
