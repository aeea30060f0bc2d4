/*
 * import/apply.c - items become rows, in one transaction.
 *
 * Of one item first everything is looked up and judged, then written: an item that is refused leaves nothing behind.
 * A row is checked here before the writer checks it again, because the writer's refusal would end the job.
 */
#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "import/import.h"
#include "model/set.h"
#include "rules/rules.h"

#include "rove/entities.pb-c.h"

#define WHOLE_LINE SIZE_MAX
#define KEY_ROOM   512
#define PRICE_LIST "Standard"
#define MADE_UP_ID (INT64_C(1) << 62)

static const rove__registry *registry_of(const import_job *job) {
    return hq_registry(job->file->run->headquarters);
}

static import_tally *tally_of(import_job *job, const rove__entity *entity) {
    const rove__registry *registry = registry_of(job);

    for (size_t i = 0; i < rove__registry_count(registry); i++) {
        if (rove__registry_at(registry, i) == entity) {
            return &job->tally[i];
        }
    }
    ROVE_ASSERT(0 && "an entity of another registry");
    return &job->tally[0];
}

static int ordinal_of(const rove__row *row, const char *name) {
    return rove__entity_field_named(row->entity, name);
}

static int has(const rove__row *row, const char *name) {
    int ordinal = ordinal_of(row, name);

    return ordinal >= 0 && row->cells[ordinal].type != ROVE_NULL;
}

static void set_named(rove__row *row, const char *name, rove_value value) {
    rove__row_set(row, (size_t)ordinal_of(row, name), value);
}

/* ---- putting a row -------------------------------------------------------------------------------------- */

/* The same elements, whatever their versions. */
static int same_set(const rove_value *a, const rove_value *b) {
    rove__set_cursor left;
    rove__set_cursor right;
    rove__element one;
    rove__element other;

    rove__set_open(&left, a, ROVE_SET_PLAIN);
    rove__set_open(&right, b, ROVE_SET_PLAIN);
    for (;;) {
        int more = rove__set_next(&left, &one);
        if (more != rove__set_next(&right, &other)) {
            return 0;
        }
        if (!more) {
            return rove__set_done(&left) == ROVE_OK && rove__set_done(&right) == ROVE_OK;
        }
        if (!rove__value_equal(&one.value, &other.value)) {
            return 0;
        }
    }
}

/* What stands has come further: a stage goes back only when somebody means it. */
static int behind(const rove__field *field, const rove_value *stands, const rove_value *comes) {
    return field->kind == ROVE_KIND_RANK && stands->type == ROVE_INT && comes->type == ROVE_INT &&
           comes->as.integer < stands->as.integer;
}

/* Takes off the cells that stand already; how many are left. */
static size_t keep_different(rove__row *row, const rove__row *existing) {
    size_t left = 0;

    for (size_t i = 0; i < row->cell_count; i++) {
        const rove__field *field = &row->entity->fields[i];
        if (!rove__bits_get(&row->present, i)) {
            continue;
        }
        if (field->kind == ROVE_KIND_SET ? same_set(&existing->cells[i], &row->cells[i])
                                         : rove__value_equal(&existing->cells[i], &row->cells[i]) ||
                                               behind(field, &existing->cells[i], &row->cells[i])) {
            rove__bits_clear(&row->present, i);
            row->cells[i] = rove__value_null();
        } else {
            left++;
        }
    }
    return left;
}

static rove_status put_new(import_job *job, rove__row *row, rove_error *error) {
    rove__write write = {
        .op = ROVE_OP_INSERT, .actor = ROVE_ACTOR_HQ, .registry = registry_of(job), .after = row};
    int external = ordinal_of(row, "external_id");
    rove_status status = rove__rules_check(&write, error);

    if (status != ROVE_OK) {
        return status;
    }
    if (job->writer != NULL) {
        status = rove__writer_insert(job->writer, row, error);
    } else {
        import *run = job->file->run;
        run->made_up = run->made_up == 0 ? MADE_UP_ID : run->made_up + 1;
        row->id = run->made_up;
        if (external >= 0) {
            status = import_pretend(job, row->entity, &row->cells[external], row->id);
        }
    }
    tally_of(job, row->entity)->inserted += status == ROVE_OK;
    return status;
}

/* Dry run: the fields that would change, by name. */
static rove_status note_change(import_job *job, const rove__row *row) {
    const rove__entity *entity = row->entity;
    size_t size = 1;

    if (job->change_count == IMPORT_CHANGES_MAX) {
        return ROVE_OK;
    }
    for (size_t i = 0; i < entity->field_count; i++) {
        size += rove__bits_get(&row->present, i) ? strlen(entity->fields[i].name) + 2 : 0;
    }
    char *fields = rove__arena_take(&job->results, size);
    if (fields == NULL) {
        return ROVE_NOMEM;
    }
    fields[0] = '\0';
    for (size_t i = 0, used = 0; i < entity->field_count; i++) {
        if (rove__bits_get(&row->present, i)) {
            rove__text_format(fields + used, size - used, "%s%s", used > 0 ? ", " : "",
                              entity->fields[i].name);
            used += strlen(fields + used);
        }
    }
    job->changes[job->change_count++] = (import_change){job->line, entity, fields};
    return ROVE_OK;
}

rove_status import_put(import_job *job, rove__row *row, const rove__row *existing, rove_id *id,
                       rove_error *error) {
    size_t changed = 0;
    rove_status status = ROVE_OK;

    *id = 0;
    if (existing == NULL) {
        status = put_new(job, row, error);
        *id = row->id;
        return status;
    }
    row->id = existing->id;
    *id = existing->id;
    if (keep_different(row, existing) == 0) {
        tally_of(job, row->entity)->unchanged++;
        return ROVE_OK;
    }
    rove__write write = {.op = ROVE_OP_UPDATE,
                         .actor = ROVE_ACTOR_HQ,
                         .registry = registry_of(job),
                         .before = existing,
                         .after = row};
    status = rove__rules_check(&write, error);
    if (status == ROVE_OK && job->writer != NULL) {
        status = rove__writer_update(job->writer, row, &changed, error);
    } else if (status == ROVE_OK) {
        status = note_change(job, row);
    }
    tally_of(job, row->entity)->updated += status == ROVE_OK;
    return status;
}

/* ---- references ----------------------------------------------------------------------------------------- */

/* The column's record is further down in this file. */
static int comes_later(const import_job *job, const import_item *item,
                       const import_reference *reference) {
    const import_file *file = job->file;
    char key[KEY_ROOM];
    int64_t line = 0;
    const import_text *name = &reference->name;

    if (file->again || file->map.key < 0 || name->size + 2 > sizeof key ||
        item->row.entity->fields[reference->ordinal].target != item->row.entity->number) {
        return 0;
    }
    memcpy(key, name->text, name->size);
    key[name->size] = '\x1f';
    return names_get(file->seen, key, name->size + 1, &line);
}

static rove_status resolve(import_job *job, import_item *item, int *later, size_t *column,
                           rove_error *error) {
    for (size_t i = 0; i < item->reference_count; i++) {
        const import_reference *reference = &item->references[i];
        const rove__field *field = &item->row.entity->fields[reference->ordinal];
        const rove__entity *target = rove__registry_by_number(registry_of(job), field->target);
        rove_id id = 0;
        rove_status status =
            import_lookup(job, field->target, reference->name.text, reference->name.size, &id);
        if (status == ROVE_NOT_FOUND && comes_later(job, item, reference)) {
            *later = 1;
            continue;
        }
        if (status != ROVE_OK) {
            *column = reference->name.column;
            return status != ROVE_NOT_FOUND
                       ? status
                       : rove__error_set(error, status,
                                         "There is no %s with the external id '%.*s'. Import "
                                         "it first, or in one command with this file.",
                                         target == NULL ? "record" : target->name,
                                         (int)reference->name.size, reference->name.text);
        }
        rove__row_set(&item->row, reference->ordinal, rove__value_int(id));
    }
    return ROVE_OK;
}

static rove_status resolve_account(import_job *job, const import_item *item, rove_id *account,
                                   size_t *column, rove_error *error) {
    *account = 0;
    if (item->account.size == 0) {
        return ROVE_OK;
    }
    const rove__entity *accounts =
        rove__registry_by_message(registry_of(job), &rove__account__descriptor);
    rove_status status =
        import_lookup(job, accounts->number, item->account.text, item->account.size, account);
    if (status == ROVE_NOT_FOUND) {
        *column = item->account.column;
        return rove__error_set(error, status, "There is no Account with the external id '%.*s'.",
                               (int)item->account.size, item->account.text);
    }
    return status;
}

/* ---- what an entity has of its own ---------------------------------------------------------------------- */

/* The list that a price belongs to; made if there is none of the name. */
static rove_status add_price_list(import_job *job, import_item *item, rove_error *error) {
    const rove__entity *lists =
        rove__registry_by_message(registry_of(job), &rove__price_list__descriptor);
    rove_value name =
        item->price_list.size > 0
            ? rove__value_bytes(ROVE_TEXT, item->price_list.text, item->price_list.size)
            : rove__value_text(PRICE_LIST);
    rove__row *list = NULL;
    rove__row made;
    rove_id id = 0;

    if (item->row.entity->message != &rove__price_item__descriptor ||
        has(&item->row, "price_list_id")) {
        return ROVE_OK;
    }
    if (job->writer == NULL &&
        names_get(job->file->keys, (const char *)name.as.data, name.size, &id)) {
        set_named(&item->row, "price_list_id", rove__value_int(id));
        return ROVE_OK;
    }
    rove_status status =
        import_find(job, lists, rove__entity_field_named(lists, "name"), &name, &list);
    if (status == ROVE_OK && list == NULL) {
        status = rove__row_init(&made, lists, 0, &job->scratch);
        if (status == ROVE_OK) {
            set_named(&made, "name", name);
            set_named(&made, "currency", rove__value_text(job->file->run->currency));
            status = import_put(job, &made, NULL, &id, error);
        }
        if (status == ROVE_OK && job->writer == NULL) {
            status = names_put(job->file->keys, (const char *)name.as.data, name.size, id);
        }
    } else if (status == ROVE_OK) {
        id = list->id;
    }
    if (status == ROVE_OK) {
        set_named(&item->row, "price_list_id", rove__value_int(id));
    }
    return status;
}

/* A lead that nobody has goes to the territory of its state; without one it stays in the pool. */
static void add_territory(const import_job *job, rove__row *row, const rove__row *existing) {
    int region = ordinal_of(row, "address_region");
    char key[ROVE_NAME_MAX];
    int64_t territory = 0;

    if (job->file->run->states == NULL || row->entity->message != &rove__lead__descriptor ||
        has(row, "owner_id") || has(row, "territory_id") ||
        (existing != NULL && (has(existing, "owner_id") || has(existing, "territory_id"))) ||
        row->cells[region].type != ROVE_TEXT) {
        return;
    }
    size_t size =
        import_state_key((const char *)row->cells[region].as.data, row->cells[region].size, key);
    if (names_get(job->file->run->states, key, size, &territory)) {
        set_named(row, "territory_id", rove__value_int(territory));
    }
}

/* What a new record is, if the file does not say. */
static void add_defaults(rove__row *row) {
    const ProtobufCMessageDescriptor *message = row->entity->message;

    if (message == &rove__user__descriptor) {
        if (!has(row, "role")) {
            set_named(row, "role", rove__value_int(ROVE__USER__ROLE__REP));
        }
        if (!has(row, "status")) {
            set_named(row, "status", rove__value_int(ROVE__USER__STATUS__ACTIVE));
        }
    } else if (message == &rove__lead__descriptor && !has(row, "status")) {
        set_named(row, "status",
                  rove__value_int(has(row, "owner_id") ? ROVE__LEAD__STATUS__ASSIGNED
                                                       : ROVE__LEAD__STATUS__NEW));
    } else if (message == &rove__territory_assignment__descriptor && !has(row, "role")) {
        set_named(row, "role", rove__value_int(ROVE__TERRITORY_ASSIGNMENT__ROLE__PRIMARY));
    }
}

/* ---- one item ------------------------------------------------------------------------------------------- */

/* The line of this file that was put under the key already; 0: none. */
static size_t line_of(const import_job *job, const char *key) {
    int64_t line = 0;

    for (size_t i = 0; i < job->taken_count; i++) {
        if (strcmp(job->taken[i].key, key) == 0) {
            return job->taken[i].line;
        }
    }
    return names_get(job->file->taken, key, strlen(key), &line) ? (size_t)line : 0;
}

/*
 * Two lines may spell one natural key in two ways: an empty quantity and 0, a login and an external id. Their texts do not
 * show that they are doubles, only what was looked up does.
 */
static rove_status check_double(const import_job *job, const char *key, rove_error *error) {
    size_t line = key[0] == '\0' ? 0 : line_of(job, key);

    return line == 0 ? ROVE_OK
                     : rove__error_set(error, ROVE_EXISTS, IMPORT_DOUBLE, (long long)line);
}

static void take_key(import_job *job, const char *key) {
    if (key[0] != '\0') {
        import_taken *taken = &job->taken[job->taken_count++];
        memcpy(taken->key, key, strlen(key) + 1);
        taken->line = job->line;
    }
}

static rove_status find_existing(import_job *job, const rove__row *row, const char *key,
                                 rove__row **existing) {
    int external = ordinal_of(row, "external_id");
    rove_id id = 0;

    *existing = NULL;
    if (external >= 0) {
        return import_find(job, row->entity, external, &row->cells[external], existing);
    }
    if (key[0] != '\0' && names_get(job->file->keys, key, strlen(key), &id)) {
        return import_get(job, row->entity->number, id, existing);
    }
    return ROVE_OK;
}

static rove_status apply_item(import_job *job, const import_item *item, int *later, size_t *column,
                              rove_error *error) {
    import_item work = *item;
    rove__row *existing = NULL;
    char key[IMPORT_KEY_SIZE] = "";
    rove_id account = 0;
    rove_id id = 0;

    *column = WHOLE_LINE;
    rove__arena_reset(&job->scratch);
    rove_status status = rove__row_copy(&work.row, &item->row, &job->scratch);
    if (status == ROVE_OK) {
        status = resolve(job, &work, later, column, error);
    }
    if (status == ROVE_OK) {
        status = resolve_account(job, &work, &account, column, error);
    }
    if (status == ROVE_OK) {
        status = add_price_list(job, &work, error);
    }
    if (status == ROVE_OK) {
        (void)import_natural_key(&work.row, key);
        status = check_double(job, key, error);
    }
    if (status == ROVE_OK) {
        status = find_existing(job, &work.row, key, &existing);
    }
    if (status != ROVE_OK) {
        return status;
    }
    add_territory(job, &work.row, existing);
    if (existing == NULL) {
        add_defaults(&work.row);
    }
    status = import_put(job, &work.row, existing, &id, error);
    if (status == ROVE_OK && work.row.entity->message == &rove__contact__descriptor) {
        status = import_contact(job, &work, id, existing, account, error);
    }
    if (status == ROVE_OK) {
        take_key(job, key);
    }
    return status;
}

/* ---- the job -------------------------------------------------------------------------------------------- */

static rove_status note(import_job *job, size_t item, size_t column, int later,
                        const char *reason) {
    import_trouble *trouble = &job->trouble[job->trouble_count++];

    *trouble = (import_trouble){item, column, later, NULL};
    trouble->reason = rove__arena_copy(&job->results, reason, strlen(reason) + 1);
    return trouble->reason == NULL ? ROVE_NOMEM : ROVE_OK;
}

static rove_status apply_all(import_job *job, rove_error *error) {
    rove_status status = ROVE_OK;

    for (size_t i = 0; i < job->count && status == ROVE_OK; i++) {
        rove_error refusal = {.code = 0};
        size_t column = WHOLE_LINE;
        int later = 0;
        job->line = job->items[i].at.line;
        status = apply_item(job, &job->items[i], &later, &column, &refusal);
        if (status != ROVE_OK && rove_status_classify(status) == ROVE_CLASS_CALLER) {
            status = note(job, i, column, 0,
                          refusal.message[0] != '\0' ? refusal.message : rove_status_text(status));
        } else if (status == ROVE_OK && later) {
            status = note(job, i, column, 1, "");
        } else if (status != ROVE_OK && error != NULL) {
            *error = refusal;
        }
    }
    return status;
}

rove_status import_apply(void *ctx, rove__hq_tx *tx, rove_error *error) {
    import_job *job = ctx;
    const import *run = job->file->run;
    uint64_t seq = 0;
    rove_status status = ROVE_OK;

    /* The job may run again after it was undone. */
    job->tx = tx;
    job->writer = NULL;
    job->trouble_count = 0;
    job->change_count = 0;
    job->taken_count = 0;
    memset(job->tally, 0, sizeof job->tally);
    rove__arena_reset(&job->results);
    if (!run->dry_run) {
        status =
            hq_writer(run->headquarters, tx, run->io->operator_name, "import", &job->writer, error);
    }
    if (status == ROVE_OK) {
        status = apply_all(job, error);
    }
    if (status == ROVE_OK && job->writer != NULL) {
        return rove__writer_finish(job->writer, &seq, error);
    }
    rove__writer_abandon(job->writer);
    return status;
}
