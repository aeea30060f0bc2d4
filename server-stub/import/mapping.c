/*
 * import/mapping.c - see mapping.h.
 */
#include "import/mapping.h"

#include <string.h>

#include "admin/value_text.h"
#include "base/assert.h"
#include "base/text.h"
#include "import/synonyms.h"

#include "rove/entities.pb-c.h"

#define HEADER_MAX ((size_t)ROVE_NAME_MAX * 2)

/* What can be imported, in the order in which it refers to each other; and what a record cannot be without: any field of each group. */
typedef struct importable {
    const char *entity;
    const char *plural;
    const char *needs[2][4];
} importable;

static const importable importables[] = {
    {"Territory", "territories", {{"name"}, {"external_id"}}},
    {"User", "users", {{"name", "first name", "last name", "login"}, {"external_id"}}},
    {"TerritoryAssignment", "territoryassignments", {{"user_id"}, {"territory_id"}}},
    {"Account", "accounts", {{"name"}, {"external_id"}}},
    {"Contact", "contacts", {{"first_name", "last_name"}, {"external_id"}}},
    {"Lead", "leads", {{"first_name", "last_name", "full_name", "company"}, {"external_id"}}},
    {"Product", "products", {{"name"}, {"external_id"}}},
    {"PriceItem", "priceitems", {{"product_id"}, {"price"}}},
};
#define IMPORTABLES (sizeof importables / sizeof importables[0])

const char *mapping_entities(void) {
    return "Territory, User, TerritoryAssignment, Account, Contact, Lead, Product, PriceItem";
}

static int same(const char *a, const char *b) {
    return value_text_alike(a, strlen(a), b, strlen(b));
}

const rove__entity *mapping_entity(const rove__registry *registry, const char *name) {
    for (size_t i = 0; i < IMPORTABLES; i++) {
        if (same(name, importables[i].entity) || same(name, importables[i].plural)) {
            return rove__registry_by_name(registry, importables[i].entity);
        }
    }
    return NULL;
}

size_t mapping_rank(const rove__entity *entity) {
    size_t rank = 0;

    while (rank < IMPORTABLES && strcmp(importables[rank].entity, entity->name) != 0) {
        rank++;
    }
    return rank;
}

/* ---- targets -------------------------------------------------------------------------------------------- */

/* Fills in role, ordinal and kind from a target; 0 if this entity has no such target. */
static int aim(const rove__registry *registry, const rove__entity *entity, const char *target,
               mapping_column *column) {
    static const struct {
        const ProtobufCMessageDescriptor *entity;
        const char *target;
        mapping_role role;
    } special[] = {{&rove__user__descriptor, "first name", MAPPING_FIRST_NAME},
                   {&rove__user__descriptor, "last name", MAPPING_LAST_NAME},
                   {&rove__contact__descriptor, "account", MAPPING_ACCOUNT},
                   {&rove__price_item__descriptor, "price list", MAPPING_PRICE_LIST}};
    static const char method[] = "method ";
    const rove__entity *methods = rove__registry_by_name(registry, "ContactMethod");
    int kind = rove__entity_field_named(methods, "kind");

    ROVE_ASSERT(entity != NULL && target != NULL);
    column->ordinal = -1;
    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++) {
        if (entity->message == special[i].entity && strcmp(target, special[i].target) == 0) {
            column->role = special[i].role;
            return 1;
        }
    }
    if (entity->message == &rove__contact__descriptor &&
        strncmp(target, method, sizeof method - 1) == 0) {
        column->role = MAPPING_METHOD;
        return rove__field_enum_value(&methods->fields[kind], target + sizeof method - 1,
                                      &column->kind) == ROVE_OK;
    }
    column->ordinal = rove__entity_field_named(entity, target);
    column->role = MAPPING_FIELD;
    return column->ordinal >= 0 && entity->fields[column->ordinal].kind != ROVE_KIND_DERIVED;
}

/* "SquareFeet__c" as "square_feet"; 0 if the header does not end so, or nothing is left. */
static int custom_name(const rove__entity *entity, const char *header, char *name) {
    size_t size = strlen(header);
    size_t used = 0;

    if (size <= 3 ||
        !(strcmp(header + size - 3, "__c") == 0 || strcmp(header + size - 3, "__C") == 0)) {
        return 0;
    }
    for (size_t i = 0; i < size - 3 && used < ROVE_NAME_MAX - 2; i++) {
        char c = header[i];
        int upper = c >= 'A' && c <= 'Z';
        int word = upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        int starts = upper && i > 0 && header[i - 1] >= 'a' && header[i - 1] <= 'z';
        if ((starts || !word) && used > 0 && name[used - 1] != '_') {
            name[used++] = '_';
        }
        if (word) {
            name[used++] = value_text_lower(c);
        }
    }
    while (used > 0 && name[used - 1] == '_') {
        used--;
    }
    name[used] = '\0';
    int taken = rove__entity_field_named(entity, name);
    if ((taken >= 0 && (entity->fields[taken].flags & ROVE_FIELD_CUSTOM) == 0) ||
        strcmp(name, "id") == 0) {
        memcpy(name + used, "_c", 3);
    }
    return name[0] >= 'a' && name[0] <= 'z';
}

static int by_synonym(const rove__registry *registry, const rove__entity *entity, const char *scope,
                      mapping_column *column) {
    for (size_t i = 0; i < synonym_count; i++) {
        const synonym *s = &synonyms[i];
        int ours =
            scope == NULL ? s->entity == NULL : s->entity != NULL && strcmp(s->entity, scope) == 0;
        if (ours && same(s->header, column->header) && aim(registry, entity, s->target, column)) {
            return 1;
        }
    }
    return 0;
}

static int by_field_name(const rove__registry *registry, const rove__entity *entity,
                         mapping_column *column) {
    for (size_t i = 0; i < entity->field_count; i++) {
        if (same(entity->fields[i].name, column->header)) {
            return aim(registry, entity, entity->fields[i].name, column);
        }
    }
    return 0;
}

static void map_column(const rove__registry *registry, const rove__entity *entity,
                       mapping_column *column) {
    if (by_synonym(registry, entity, entity->name, column) ||
        by_synonym(registry, entity, NULL, column)) {
        return;
    }
    if (custom_name(entity, column->header, column->custom)) {
        column->role = MAPPING_CUSTOM;
        column->ordinal = rove__entity_field_named(entity, column->custom);
        return;
    }
    if (!by_field_name(registry, entity, column)) {
        column->role = MAPPING_NOTHING;
        column->ordinal = -1;
    }
}

/* ---- --map ---------------------------------------------------------------------------------------------- */

typedef struct rule {
    char header[HEADER_MAX + 1];
    char target[ROVE_NAME_MAX + 1];
} rule;

static void copy_trimmed(const char *text, size_t size, char *out, size_t capacity) {
    while (size > 0 && (*text == ' ' || *text == '\t')) {
        text++;
        size--;
    }
    while (size > 0 &&
           (text[size - 1] == ' ' || text[size - 1] == '\t' || text[size - 1] == '\r')) {
        size--;
    }
    rove__text_format(out, capacity, "%.*s", (int)size, text);
}

/* The next rule of a map. ROVE_DONE at the end. */
static rove_status next_rule(const char **map, rule *out, rove_error *error) {
    while (**map == ',' || **map == '\n' || **map == '\r' || **map == ' ' || **map == '#') {
        *map += **map == '#' ? strcspn(*map, "\n") : 1;
    }
    if (**map == '\0') {
        return ROVE_DONE;
    }
    size_t size = strcspn(*map, ",\n");
    const char *equals = memchr(*map, '=', size);
    if (equals == NULL) {
        return rove__error_set(error, ROVE_INVALID,
                               "'%.*s' in the map is not of the form Header=field.",
                               (int)(size < 60 ? size : 60), *map);
    }
    copy_trimmed(*map, (size_t)(equals - *map), out->header, sizeof out->header);
    copy_trimmed(equals + 1, size - (size_t)(equals + 1 - *map), out->target, sizeof out->target);
    *map += size;
    return ROVE_OK;
}

static rove_status apply_rule(const rove__registry *registry, const rule *r, mapping *m,
                              rove_error *error) {
    mapping_column aimed = {.role = MAPPING_NOTHING, .ordinal = -1, .silenced = 1};
    mapping_column *column = NULL;

    for (size_t i = 0; i < m->count && column == NULL; i++) {
        column = same(m->columns[i].header, r->header) ? &m->columns[i] : NULL;
    }
    if (column == NULL) {
        return rove__error_set(error, ROVE_INVALID,
                               "The map names a column '%s' that is not there.", r->header);
    }
    if (strcmp(r->target, "-") != 0) {
        aimed.silenced = 0;
        if (!aim(registry, m->entity, r->target, &aimed)) {
            return rove__error_set(error, ROVE_INVALID, "%s has no field '%s' for the column '%s'.",
                                   m->entity->name, r->target, r->header);
        }
    }
    aimed.header = column->header;
    *column = aimed;
    return ROVE_OK;
}

static rove_status apply_map(const rove__registry *registry, const char *map, mapping *m,
                             rove_error *error) {
    rule r;
    rove_status status = ROVE_OK;

    while (map != NULL && status == ROVE_OK) {
        status = next_rule(&map, &r, error);
        if (status == ROVE_OK) {
            status = apply_rule(registry, &r, m, error);
        }
    }
    return status == ROVE_DONE ? ROVE_OK : status;
}

/* ---- the whole ------------------------------------------------------------------------------------------ */

static rove_status take_headers(const csv_record *header, rove__arena *arena, mapping *m,
                                rove_error *error) {
    m->count = header->count;
    m->columns = rove__arena_take(arena, header->count * sizeof *m->columns + 1);
    if (m->columns == NULL) {
        return rove__error_set(error, ROVE_NOMEM, "%s", rove_status_text(ROVE_NOMEM));
    }
    memset(m->columns, 0, header->count * sizeof *m->columns);
    for (size_t i = 0; i < header->count; i++) {
        const csv_field *field = &header->fields[i];
        size_t size = field->size < HEADER_MAX ? field->size : HEADER_MAX;
        while (size > 0 && size < field->size &&
               ((unsigned char)field->text[size] & 0xc0) == 0x80) {
            size--; /* not within a letter */
        }
        char *text = rove__arena_take(arena, size + 1);
        if (text == NULL) {
            return rove__error_set(error, ROVE_NOMEM, "%s", rove_status_text(ROVE_NOMEM));
        }
        copy_trimmed(field->text, size, text, size + 1);
        if (!rove__utf8_valid((const uint8_t *)text, strlen(text))) {
            return rove__error_set(error, ROVE_INVALID, "The name of column %zu is not UTF-8.",
                                   i + 1);
        }
        m->columns[i].header = text;
        m->columns[i].ordinal = -1;
        for (size_t k = 0; k < i; k++) {
            if (text[0] != '\0' && strcmp(text, m->columns[k].header) == 0) {
                return rove__error_set(error, ROVE_INVALID, "The column '%s' is there twice.",
                                       text);
            }
        }
    }
    return ROVE_OK;
}

/* Of two columns that mean the same field the first counts; returns how many columns are imported. */
static size_t map_all(const rove__registry *registry, mapping *m) {
    size_t imported = 0;

    for (size_t i = 0; i < m->count; i++) {
        mapping_column *column = &m->columns[i];
        if (column->role == MAPPING_NOTHING && !column->silenced && column->header[0] != '\0') {
            map_column(registry, m->entity, column);
        }
    }
    m->key = -1;
    for (size_t i = 0; i < m->count; i++) {
        mapping_column *column = &m->columns[i];
        for (size_t k = 0; k < i && column->ordinal >= 0; k++) {
            if (m->columns[k].ordinal == column->ordinal) {
                *column = (mapping_column){.header = column->header, .ordinal = -1};
            }
        }
        imported += column->role != MAPPING_NOTHING;
        if (column->ordinal >= 0 &&
            strcmp(m->entity->fields[column->ordinal].name, "external_id") == 0) {
            m->key = (int)i;
        }
    }
    return imported;
}

static int has_target(const rove__registry *registry, const mapping *m, const char *target) {
    mapping_column wanted = {.ordinal = -1};

    if (!aim(registry, m->entity, target, &wanted)) {
        return 0;
    }
    for (size_t i = 0; i < m->count; i++) {
        const mapping_column *column = &m->columns[i];
        if (column->role == wanted.role && column->ordinal == wanted.ordinal) {
            return 1;
        }
    }
    return 0;
}

/* The group of targets that is missing, NULL if none is. */
static const char *const *missing(const rove__registry *registry, const mapping *m) {
    for (size_t i = 0; i < IMPORTABLES; i++) {
        const importable *it = &importables[i];
        for (size_t group = 0; group < 2 && strcmp(it->entity, m->entity->name) == 0; group++) {
            int there = 0;
            for (size_t k = 0; k < 4 && it->needs[group][k] != NULL; k++) {
                there |= has_target(registry, m, it->needs[group][k]);
            }
            if (!there) {
                return it->needs[group];
            }
        }
    }
    return NULL;
}

static rove_status complete(const rove__registry *registry, const mapping *m, rove_error *error) {
    const char *const *group = missing(registry, m);

    if (group == NULL) {
        return ROVE_OK;
    }
    return rove__error_set(error, ROVE_INVALID,
                           "No column gives %s.%s%s%s. Name it with --map \"Column=%s\".",
                           m->entity->name, group[0], group[1] == NULL ? "" : " or ",
                           group[1] == NULL ? "" : group[1], group[0]);
}

/* The beginning of an entity's name is in the file's name, whatever its folders are called: "crm-contacts-2026.csv". */
static int named_after(const char *path, const char *stem) {
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    size_t size = strlen(stem);

    for (; *name != '\0'; name++) {
        if (value_text_alike(name, strlen(name) < size ? strlen(name) : size, stem, size)) {
            return 1;
        }
    }
    return 0;
}

static int has_header(const csv_record *header, const char *name) {
    for (size_t i = 0; i < header->count; i++) {
        if (value_text_alike(header->fields[i].text, header->fields[i].size, name, strlen(name))) {
            return 1;
        }
    }
    return 0;
}

static rove_status refuse_strangers(const csv_record *header, const char *name, rove_error *error) {
    for (size_t i = 0; i < stranger_count; i++) {
        if (named_after(name, strangers[i].file) || has_header(header, strangers[i].header)) {
            return rove__error_set(error, ROVE_INVALID,
                                   "%s are not kept here, so there is nothing to import them into. "
                                   "What can be imported: %s.",
                                   strangers[i].name, mapping_entities());
        }
    }
    return ROVE_OK;
}

/* Nothing can be told from the columns. */
static rove_status refuse_unknown(const csv_record *header, rove_error *error) {
    if (header->count <= 3 && has_header(header, "State") &&
        has_header(header, "TerritoryExternalId")) {
        return rove__error_set(error, ROVE_INVALID,
                               "It says in whose territory a state is. That is for leads without "
                               "an owner: import the leads with --leads-by and this file.");
    }
    return rove__error_set(error, ROVE_INVALID,
                           "What the file holds cannot be told from its columns. Say it with "
                           "--entity: %s.",
                           mapping_entities());
}

/* The entity that takes most columns; of equals the one that the file is named after. */
static rove_status guess(const rove__registry *registry, const csv_record *header, const char *name,
                         const char *map, rove__arena *arena, mapping *best, rove_error *error) {
    size_t most = 0;
    int tie = 0;
    rove_status status = refuse_strangers(header, name, error);

    for (size_t i = 0; i < IMPORTABLES && status == ROVE_OK; i++) {
        mapping m = {.entity = rove__registry_by_name(registry, importables[i].entity)};
        status = take_headers(header, arena, &m, error);
        if (status != ROVE_OK || apply_map(registry, map, &m, NULL) != ROVE_OK) {
            continue;
        }
        size_t score = map_all(registry, &m) * 2;
        score =
            missing(registry, &m) == NULL ? score + (size_t)named_after(name, m.entity->name) : 0;
        tie = score == most ? tie || score > 0 : score > most ? 0 : tie;
        if (score > most) {
            most = score;
            *best = m;
        }
    }
    if (status == ROVE_OK && (most == 0 || tie)) {
        return refuse_unknown(header, error);
    }
    return status;
}

rove_status mapping_make(const rove__registry *registry, const csv_record *header, const char *name,
                         const rove__entity *entity, const char *map, rove__arena *arena,
                         mapping *out, rove_error *error) {
    rove_status status = ROVE_OK;

    *out = (mapping){.entity = entity, .key = -1};
    if (entity == NULL) {
        return guess(registry, header, name, map, arena, out, error);
    }
    status = take_headers(header, arena, out, error);
    if (status == ROVE_OK) {
        status = apply_map(registry, map, out, error);
    }
    if (status == ROVE_OK) {
        (void)map_all(registry, out);
        status = complete(registry, out, error);
    }
    return status;
}
