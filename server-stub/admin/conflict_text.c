/*
 * admin/conflict_text.c - see conflict_text.h.
 */
#include "admin/conflict_text.h"

#include <string.h>

#include "admin/find.h"
#include "admin/organisation.h"
#include "admin/people.h"
#include "admin/record_text.h"
#include "admin/value_text.h"
#include "base/text.h"
#include "print.h"
#include "rules/conflict.h"
#include "wire/batch.h"

#include "rove/entities.pb-c.h"

#define ARENA_MAX    ((size_t)16 * 1024 * 1024)
#define DESCRIBE_MAX 256
#define DEVICE_MAX   (ROVE_TEXT_MAX + 16)

/* ---- reading -------------------------------------------------------------------------------------------- */

static rove_value cell(const rove__row *row, const char *field) {
    return row->cells[rove__entity_field_named(row->entity, field)];
}

static int64_t number(const rove__row *row, const char *field) {
    rove_value value = cell(row, field);

    return value.type == ROVE_INT ? value.as.integer : 0;
}

void conflict_read(const rove__row *row, conflict *out) {
    *out = (conflict){.number = row->id,
                      .entity = (uint32_t)number(row, "record_entity"),
                      .id = number(row, "record_id"),
                      .field = (uint32_t)number(row, "field_number"),
                      .kind = number(row, "kind"),
                      .status = number(row, "status"),
                      .kept = {.packed = cell(row, "kept_value"),
                               .stamp = (rove_stamp)number(row, "kept_stamp"),
                               .raw_ms = number(row, "kept_raw_at"),
                               .replica = (rove_replica)number(row, "kept_replica"),
                               .user = number(row, "kept_user_id")},
                      .lost = {.packed = cell(row, "lost_value"),
                               .stamp = (rove_stamp)number(row, "lost_stamp"),
                               .raw_ms = number(row, "lost_raw_at"),
                               .replica = (rove_replica)number(row, "lost_replica"),
                               .user = number(row, "lost_user_id")},
                      .resolver = number(row, "resolver_id"),
                      .resolved_ms = number(row, "resolved_at"),
                      .note = cell(row, "note")};
}

rove_status conflict_text_init(conflict_text *self, hq *headquarters, const hq_io *io,
                               rove_error *error) {
    const rove_allocator *allocator = &hq_get_ports(headquarters)->allocator;
    char currency[4];

    memset(self, 0, sizeof *self);
    self->headquarters = headquarters;
    self->io = io;
    rove__buf_init(&self->scratch, allocator, RECORD_TEXT_MAX);
    rove__arena_init(&self->arena, allocator, ARENA_MAX);
    rove_status status = hq_currency(headquarters, currency, error);
    self->digits = value_text_money_digits(currency, strlen(currency));
    return status;
}

void conflict_text_free(conflict_text *self) {
    rove__buf_free(&self->scratch);
    rove__arena_free(&self->arena);
}

/* ---- names ---------------------------------------------------------------------------------------------- */

static rove_status name_of(conflict_text *self, rove_id user, const char **name) {
    hq_person person = {.id = 0};

    *name = "headquarters";
    if (user == 0) {
        return ROVE_OK;
    }
    for (size_t i = 0; i < CONFLICT_NAMES; i++) {
        if (self->names[i].user == user) {
            *name = self->names[i].name;
            return ROVE_OK;
        }
    }
    size_t at = self->next_name++ % CONFLICT_NAMES;
    rove_status status = hq_get_person(self->headquarters, self->tx, user, &person, NULL);
    if (status != ROVE_OK && status != ROVE_NOT_FOUND) {
        return status;
    }
    self->names[at].user = user;
    rove__text_format(self->names[at].name, sizeof self->names[at].name, "%s",
                      status == ROVE_OK ? person.name : "(deleted user)");
    *name = self->names[at].name;
    return ROVE_OK;
}

/* The app of the device, "" where it is headquarters or not known. */
static rove_status app_of(conflict_text *self, const conflict_side *side, char app[ROVE_TEXT_MAX]) {
    rove__hq_device device;

    app[0] = '\0';
    if (side->user == 0 || side->replica == 0) {
        return ROVE_OK;
    }
    rove_status status =
        hq_database(self->headquarters)->store.device_get(self->tx, side->replica, 0, &device);
    if (status == ROVE_OK) {
        rove__text_format(app, ROVE_TEXT_MAX, "%s", device.app);
    }
    return status == ROVE_NOT_FOUND ? ROVE_OK : status;
}

typedef struct tracing {
    conflict_text *text;
    const conflict_side *side;
    uint64_t seq;
} tracing;

/* Headquarters' own clock is the corrected one, so its writes are found by their time. */
static rove_status each_history(void *ctx, const rove__hq_history *history) {
    tracing *self = ctx;
    rove__batch_reader *reader = NULL;
    rove__change change;

    if (history->user != 0) {
        return ROVE_OK;
    }
    rove_status status = rove__batch_reader_new(
        &hq_get_ports(self->text->headquarters)->allocator, hq_registry(self->text->headquarters),
        history->change.data, history->change.size, &reader);
    while (status == ROVE_OK) {
        status = rove__batch_next(reader, &change);
        rove_stamp raw = status != ROVE_OK       ? 0
                         : change.edit_count > 0 ? change.edits[0].raw
                                                 : change.clock.origin.stamp;
        if (raw != 0 && rove__stamp_ms(raw) == self->side->raw_ms) {
            self->seq = history->seq;
        }
    }
    rove__batch_reader_free(reader);
    return status == ROVE_DONE ? ROVE_OK : status;
}

/* "Linda Mitchell", or "headquarters (eva)". */
static rove_status author_of(conflict_text *self, const conflict *c, const conflict_side *side,
                             char name[2 * ROVE_TEXT_MAX]) {
    const rove__hq_database *database = hq_database(self->headquarters);
    tracing trace = {.text = self, .side = side};
    const char *known = "";
    rove__hq_commit commit;
    rove_status status = name_of(self, side->user, &known);

    rove__text_format(name, 2 * (size_t)ROVE_TEXT_MAX, "%s", known);
    if (status != ROVE_OK || side->user != 0 || side->raw_ms == 0) {
        return status;
    }
    rove__arena_reset(&self->arena);
    status = database->store.history_scan(self->tx, c->entity, c->id, 0, &self->arena, each_history,
                                          &trace);
    if (status == ROVE_OK && trace.seq != 0) {
        rove__arena_reset(&self->arena);
        status = database->directory.commit_get(self->tx, trace.seq, &self->arena, &commit);
        if (status == ROVE_OK && commit.operator_name[0] != '\0') {
            rove__text_format(name, 2 * (size_t)ROVE_TEXT_MAX, "%s (%s)", known,
                              commit.operator_name);
        }
    }
    return status == ROVE_NOT_FOUND ? ROVE_OK : status;
}

/* ---- values --------------------------------------------------------------------------------------------- */

static const rove__field *field_of(const conflict_text *self, const conflict *c) {
    const rove__entity *entity =
        rove__registry_by_number(hq_registry(self->headquarters), c->entity);
    int ordinal = entity != NULL && c->field != 0 ? rove__entity_field(entity, c->field) : -1;

    return ordinal >= 0 ? &entity->fields[ordinal] : NULL;
}

static const char *entity_name(const conflict_text *self, const conflict *c) {
    const rove__entity *entity =
        rove__registry_by_number(hq_registry(self->headquarters), c->entity);

    return entity != NULL ? entity->name : "?";
}

/* The record; row->row.entity NULL: there is none any more, or it is deleted. */
static rove_status record_of(conflict_text *self, const conflict *c, rove__hq_row *row) {
    rove__arena_reset(&self->arena);
    rove_status status = hq_database(self->headquarters)
                             ->store.row_get(self->tx, c->entity, c->id, 0, &self->arena, row);

    if (status == ROVE_NOT_FOUND || status == ROVE_UNKNOWN_ENTITY ||
        (status == ROVE_OK && row->dead != 0)) {
        row->row.entity = NULL;
        return ROVE_OK;
    }
    return status;
}

/* Digits of the value's money. */
static rove_status digits_of(conflict_text *self, const conflict *c, int *digits) {
    const rove__field *field = field_of(self, c);
    rove__hq_row row;

    *digits = self->digits;
    if (field == NULL || (field->flags & ROVE_FIELD_MONEY) == 0) {
        return ROVE_OK;
    }
    rove_status status = record_of(self, c, &row);
    if (status == ROVE_OK && row.row.entity != NULL) {
        *digits = record_money_digits(&row.row, self->digits);
    }
    return status;
}

static json_t *value_json(conflict_text *self, const conflict *c, const rove_value *value,
                          int digits) {
    const rove__field *field = field_of(self, c);

    return field != NULL ? record_value_json(field, digits, value, &self->scratch) : json_null();
}

/* Into the scratch, NUL-terminated. */
static const char *value_text(conflict_text *self, const conflict *c, const rove_value *value,
                              int digits) {
    const rove__field *field = field_of(self, c);

    rove__buf_reset(&self->scratch);
    if (field != NULL && value->type != ROVE_NULL) {
        value_text_print(field, digits, value, &self->scratch);
    } else if (c->field != 0) {
        rove__buf_append(&self->scratch, "(empty)", 7);
    }
    rove__buf_byte(&self->scratch, 0);
    return rove__buf_status(&self->scratch) == ROVE_OK ? (const char *)self->scratch.data : "?";
}

static const char *enum_text(const conflict_text *self, const char *name, int64_t value) {
    const rove__entity *entity =
        rove__registry_by_message(hq_registry(self->headquarters), &rove__conflict__descriptor);
    const char *key =
        rove__field_enum_name(&entity->fields[rove__entity_field_named(entity, name)], value);

    return key != NULL ? key : "?";
}

rove_status conflict_describe(conflict_text *self, const conflict *c, int sensitive, char *text,
                              size_t capacity) {
    const rove__field *field = field_of(self, c);
    rove__hq_row row;
    rove_status status = record_of(self, c, &row);

    if (status != ROVE_OK) {
        return status;
    }
    if (row.row.entity != NULL) {
        hq_describe(&row.row, sensitive, text, capacity);
    } else {
        rove__text_format(text, capacity, "%s %lld, deleted", entity_name(self, c),
                          (long long)c->id);
    }
    size_t used = strlen(text);
    if (field != NULL) {
        rove__text_format(text + used, capacity - used, ".%s", field->name);
    }
    return ROVE_OK;
}

/* ---- a line --------------------------------------------------------------------------------------------- */

rove_status conflict_print_line(conflict_text *self, const conflict *c) {
    const rove__field *field = field_of(self, c);
    const conflict_side *sides[] = {&c->kept, &c->lost};
    char record[80];
    int digits = 0;
    rove_status status = digits_of(self, c, &digits);

    if (self->lines++ == 0) {
        hq_print(self->io, "%-20s %-9s %-42s %s\n", "NUMBER", "STATUS", "RECORD AND FIELD",
                 "KEPT | LOST");
    }
    rove__text_format(record, sizeof record, "%s %lld%s%s", entity_name(self, c), (long long)c->id,
                      field != NULL ? "." : "", field != NULL ? field->name : "");
    hq_print(self->io, "%-20lld %-9s %-42s ", (long long)c->number,
             enum_text(self, "status", c->status), record);
    for (size_t i = 0; i < 2 && status == ROVE_OK; i++) {
        const char *name = "";
        rove_value value = rove__conflict_value(&sides[i]->packed);
        status = name_of(self, sides[i]->user, &name);
        const char *text = value_text(self, c, &value, digits);
        hq_print(self->io, "%s%.40s%s(%s)%s", i == 0 ? "" : " | ", text, text[0] == '\0' ? "" : " ",
                 name, i == 0 ? "" : "\n");
    }
    return status;
}

/* ---- JSON ----------------------------------------------------------------------------------------------- */

static void put(json_t *object, const char *side, const char *what, json_t *value) {
    char name[40];

    rove__text_format(name, sizeof name, "%s%s", side, what);
    (void)json_object_set_new(object, name, value);
}

static json_t *id_json(rove_id id) {
    char text[24];

    rove__text_format(text, sizeof text, "%lld", (long long)id);
    return json_string(text);
}

static rove_status put_side(conflict_text *self, const conflict *c, const conflict_side *side,
                            const char *prefix, int digits, json_t *object) {
    rove_value value = rove__conflict_value(&side->packed);
    const char *name = "";
    rove_status status = name_of(self, side->user, &name);

    put(object, prefix, "", value_json(self, c, &value, digits));
    put(object, prefix, "_by", json_string(name));
    put(object, prefix, "_user", id_json(side->user));
    put(object, prefix, "_device", json_integer((json_int_t)side->replica));
    put(object, prefix, "_at", hq_json_time(rove__stamp_ms(side->stamp)));
    put(object, prefix, "_at_own_clock", hq_json_time(side->raw_ms));
    return status;
}

rove_status conflict_json(conflict_text *self, const conflict *c, json_t **object) {
    const rove__field *field = field_of(self, c);
    const char *name = "";
    int digits = 0;
    rove_status status = digits_of(self, c, &digits);

    *object = json_pack("{s:o, s:s, s:s, s:s, s:o, s:s}", "number", id_json(c->number), "status",
                        enum_text(self, "status", c->status), "kind",
                        enum_text(self, "kind", c->kind), "entity", entity_name(self, c), "id",
                        id_json(c->id), "field", field != NULL ? field->name : "");
    if (status == ROVE_OK) {
        status = put_side(self, c, &c->kept, "kept", digits, *object);
    }
    if (status == ROVE_OK) {
        status = put_side(self, c, &c->lost, "lost", digits, *object);
    }
    if (status == ROVE_OK && c->status != ROVE__CONFLICT__STATUS__OPEN) {
        status = name_of(self, c->resolver, &name);
        put(*object, "settled", "_by", json_string(name));
        put(*object, "settled", "_at", hq_json_time(c->resolved_ms));
        put(*object, "note", "",
            c->note.type == ROVE_TEXT ? json_stringn((const char *)c->note.as.data, c->note.size)
                                      : json_null());
    }
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------------------ */

/* What the field has now; NULL for a whole record. */
static rove_status now_of(conflict_text *self, const conflict *c, rove_value *now, int *there) {
    rove__hq_row row;
    int ordinal = -1;
    rove_status status = record_of(self, c, &row);

    *now = rove__value_null();
    *there = status == ROVE_OK && row.row.entity != NULL;
    if (*there && c->field != 0) {
        ordinal = rove__row_field(&row.row, c->field);
    }
    if (ordinal >= 0) {
        *now = row.row.cells[ordinal];
    }
    return status;
}

rove_status conflict_json_whole(conflict_text *self, const conflict *c, json_t **object) {
    const conflict_side *sides[] = {&c->kept, &c->lost};
    const char *const prefixes[] = {"kept", "lost"};
    char text[DESCRIBE_MAX];
    char name[2 * ROVE_TEXT_MAX];
    int digits = 0;
    int there = 0;
    rove_value now;
    rove_status status = conflict_json(self, c, object);

    for (size_t i = 0; i < 2 && status == ROVE_OK; i++) {
        status = author_of(self, c, sides[i], name);
        put(*object, prefixes[i], "_by", json_string(name));
        if (status == ROVE_OK) {
            status = app_of(self, sides[i], name);
            put(*object, prefixes[i], "_app", json_string(name));
        }
    }
    if (status == ROVE_OK) {
        status = conflict_describe(self, c, 1, text, sizeof text);
        put(*object, "record", "", json_string(text));
    }
    if (status == ROVE_OK) {
        status = digits_of(self, c, &digits);
    }
    if (status == ROVE_OK) {
        status = now_of(self, c, &now, &there);
        put(*object, "now", "", value_json(self, c, &now, digits));
        put(*object, "deleted", "", json_boolean(!there));
    }
    return status;
}

/* What of a side is short. */
typedef struct side_text {
    char name[2 * ROVE_TEXT_MAX];
    char device[DEVICE_MAX];
    char at[ROVE_TIME_TEXT_SIZE];
    char own[ROVE_TIME_TEXT_SIZE];
} side_text;

static rove_status side_of(conflict_text *self, const conflict *c, const conflict_side *side,
                           side_text *text) {
    char app[ROVE_TEXT_MAX];
    rove_status status = author_of(self, c, side, text->name);

    if (status == ROVE_OK) {
        status = app_of(self, side, app);
    }
    if (status != ROVE_OK) {
        return status;
    }
    rove__text_format(text->device, sizeof text->device, "-");
    rove__text_format(text->at, sizeof text->at, "-");
    rove__text_format(text->own, sizeof text->own, "-");
    if (side->user != 0 && side->replica != 0) {
        rove__text_format(text->device, sizeof text->device, "%u%s%s%s", (unsigned)side->replica,
                          app[0] != '\0' ? " (" : "", app, app[0] != '\0' ? ")" : "");
    }
    if (side->stamp != 0) {
        rove__time_format(rove__stamp_ms(side->stamp), text->at);
    }
    if (side->raw_ms != 0) {
        rove__time_format(side->raw_ms, text->own);
    }
    return ROVE_OK;
}

static rove_status print_sides(conflict_text *self, const conflict *c, int digits) {
    const conflict_side *sides[] = {&c->kept, &c->lost};
    side_text texts[2];
    rove_status status = side_of(self, c, sides[0], &texts[0]);

    if (status == ROVE_OK) {
        status = side_of(self, c, sides[1], &texts[1]);
    }
    if (status != ROVE_OK) {
        return status;
    }
    hq_print(self->io, "             kept | lost\n");
    for (size_t i = 0; i < 2 && c->field != 0; i++) {
        rove_value value = rove__conflict_value(&sides[i]->packed);
        hq_print(self->io, "%s%s%s", i == 0 ? "  value      " : " | ",
                 value_text(self, c, &value, digits), i == 0 ? "" : "\n");
    }
    hq_print(self->io,
             "  by         %s | %s\n  device     %s | %s\n  at         %s | %s\n"
             "  own clock  %s | %s\n",
             texts[0].name, texts[1].name, texts[0].device, texts[1].device, texts[0].at,
             texts[1].at, texts[0].own, texts[1].own);
    return ROVE_OK;
}

static rove_status print_settled(conflict_text *self, const conflict *c) {
    char at[ROVE_TIME_TEXT_SIZE] = "";
    const char *name = "";
    rove_status status = name_of(self, c->resolver, &name);

    if (c->status == ROVE__CONFLICT__STATUS__OPEN) {
        return status;
    }
    if (c->resolved_ms != 0) {
        rove__time_format(c->resolved_ms, at);
    }
    hq_print(self->io, "settled by %s %s\n", name, at);
    if (c->note.type == ROVE_TEXT) {
        hq_print(self->io, "  %.*s\n", (int)c->note.size, (const char *)c->note.as.data);
    }
    return status;
}

rove_status conflict_print_whole(conflict_text *self, const conflict *c) {
    char text[DESCRIBE_MAX];
    rove_value now;
    int there = 0;
    int digits = 0;
    rove_status status = conflict_describe(self, c, 1, text, sizeof text);

    if (status == ROVE_OK) {
        hq_print(self->io, "%lld  %s, %s\n%s\n", (long long)c->number,
                 enum_text(self, "kind", c->kind), enum_text(self, "status", c->status), text);
        status = digits_of(self, c, &digits);
    }
    if (status == ROVE_OK) {
        status = now_of(self, c, &now, &there);
    }
    if (status == ROVE_OK && there && c->field != 0) {
        hq_print(self->io, "  now        %s\n", value_text(self, c, &now, digits));
    }
    if (status == ROVE_OK) {
        status = print_sides(self, c, digits);
    }
    return status == ROVE_OK ? print_settled(self, c) : status;
}
