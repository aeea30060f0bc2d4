/*
 * import/contact.c - what stands beside an imported contact: its role at an account, and its methods.
 *
 * What a rep added stays: a role at another account, a further number. A main e-mail or telephone that changed in
 * the file changes the method that held the old one.
 */
#include <string.h>

#include "import/import.h"

#include "rove/entities.pb-c.h"

#define CHILDREN_MAX 256 /* roles or methods of one contact that are looked at */

typedef struct children {
    rove_id ids[CHILDREN_MAX];
    size_t count;
} children;

static rove_status each_child(void *ctx, rove_id id) {
    children *list = ctx;

    if (list->count == CHILDREN_MAX) {
        return ROVE_DONE;
    }
    list->ids[list->count++] = id;
    return ROVE_OK;
}

static rove_status find_children(import_job *job, const rove__entity *entity, rove_id contact,
                                 children *list) {
    const rove__hq_store *store = &hq_database(job->file->run->headquarters)->store;
    int ordinal = rove__entity_field_named(entity, "contact_id");

    list->count = 0;
    return store->row_referring(job->tx, entity->number, (size_t)ordinal, contact, each_child,
                                list);
}

static const rove_value *cell(const rove__row *row, const char *name) {
    return &row->cells[rove__entity_field_named(row->entity, name)];
}

static void set_named(rove__row *row, const char *name, rove_value value) {
    rove__row_set(row, (size_t)rove__entity_field_named(row->entity, name), value);
}

static int holds(const rove__row *row, const char *name, int64_t number) {
    return cell(row, name)->type == ROVE_INT && cell(row, name)->as.integer == number;
}

static rove_status put_role(import_job *job, rove_id contact, rove_id account, rove_error *error) {
    const rove__entity *roles = rove__registry_by_message(hq_registry(job->file->run->headquarters),
                                                          &rove__account_contact_role__descriptor);
    children list;
    rove__row *role = NULL;
    rove__row wanted;
    rove_id id = 0;
    rove_status status = find_children(job, roles, contact, &list);

    for (size_t i = 0; i < list.count && status == ROVE_OK; i++) {
        status = import_get(job, roles->number, list.ids[i], &role);
        if (status == ROVE_OK && role != NULL && holds(role, "account_id", account)) {
            break;
        }
        role = NULL;
    }
    if (status == ROVE_OK) {
        status = rove__row_init(&wanted, roles, 0, &job->scratch);
    }
    if (status != ROVE_OK) {
        return status;
    }
    set_named(&wanted, "account_id", rove__value_int(account));
    set_named(&wanted, "contact_id", rove__value_int(contact));
    if (role == NULL) {
        set_named(&wanted, "is_primary", rove__value_int(list.count == 0));
    }
    return import_put(job, &wanted, role, &id, error);
}

/* The method of this kind that has the value, or else the one that has the value of before. */
static rove_status find_method(import_job *job, const rove__entity *methods, const children *list,
                               const import_method *method, const rove_value *old,
                               rove__row **found) {
    rove_status status = ROVE_OK;
    rove__row *changed = NULL;

    *found = NULL;
    for (size_t i = 0; i < list->count && status == ROVE_OK && *found == NULL; i++) {
        rove__row *row = NULL;
        status = import_get(job, methods->number, list->ids[i], &row);
        if (status != ROVE_OK || row == NULL || !holds(row, "kind", method->kind)) {
            continue;
        }
        if (rove__value_equal(cell(row, "value"), &method->value)) {
            *found = row;
        } else if (old != NULL && rove__value_equal(cell(row, "value"), old)) {
            changed = row;
        }
    }
    *found = *found == NULL ? changed : *found;
    return status;
}

static rove_status put_method(import_job *job, const rove__entity *methods, const children *list,
                              const import_method *method, rove_id contact, const rove__row *before,
                              rove_error *error) {
    const rove_value *old =
        before != NULL && method->ordinal >= 0 && before->cells[method->ordinal].type == ROVE_TEXT
            ? &before->cells[method->ordinal]
            : NULL;
    rove__row *existing = NULL;
    rove__row wanted;
    rove_id id = 0;
    rove_status status = find_method(job, methods, list, method, old, &existing);

    if (status == ROVE_OK) {
        status = rove__row_init(&wanted, methods, 0, &job->scratch);
    }
    if (status != ROVE_OK) {
        return status;
    }
    set_named(&wanted, "contact_id", rove__value_int(contact));
    set_named(&wanted, "kind", rove__value_int(method->kind));
    set_named(&wanted, "value", method->value);
    if (existing == NULL && method->ordinal >= 0) {
        set_named(&wanted, "preferred", rove__value_int(1));
    }
    return import_put(job, &wanted, existing, &id, error);
}

/* The same number in two columns is one method. */
static int given_before(const import_item *item, size_t at) {
    for (size_t i = 0; i < at; i++) {
        if (item->methods[i].kind == item->methods[at].kind &&
            rove__value_equal(&item->methods[i].value, &item->methods[at].value)) {
            return 1;
        }
    }
    return 0;
}

rove_status import_contact(import_job *job, const import_item *item, rove_id contact,
                           const rove__row *before, rove_id account, rove_error *error) {
    const rove__entity *methods = rove__registry_by_message(
        hq_registry(job->file->run->headquarters), &rove__contact_method__descriptor);
    children list = {.count = 0};
    rove_status status = account == 0 ? ROVE_OK : put_role(job, contact, account, error);

    if (status == ROVE_OK && item->method_count > 0) {
        status = find_children(job, methods, contact, &list);
    }
    for (size_t i = 0; i < item->method_count && status == ROVE_OK; i++) {
        if (!given_before(item, i)) {
            status = put_method(job, methods, &list, &item->methods[i], contact, before, error);
        }
    }
    return status;
}
