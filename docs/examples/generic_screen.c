/*
 * generic_screen.c - a form made from the model: every entity, its table, and its fields with what may be written into
 * them. Custom fields of the organisation come after the others, as soon as a sync has brought them.
 */
#include "example.h"

static const char *type_name(const rove_field_info *field) {
    if (field->boolean) {
        return "yes or no";
    }
    if (field->instant) {
        return "a time";
    }
    if (field->money) {
        return "an amount";
    }
    if (field->target != NULL) {
        return field->target;
    }
    return field->type == ROVE_TEXT   ? "a text"
           : field->type == ROVE_REAL ? "a number"
                                      : "a whole number";
}

/* The fields that a rep may write. */
static size_t print_form(const rove *replica, const char *entity) {
    rove_field_info field;
    size_t count = 0;

    for (size_t i = 0; rove_field_at(replica, entity, i, &field) == ROVE_OK; i++) {
        if (strcmp(field.writer, "headquarters") == 0 || strcmp(field.kind, "derived") == 0) {
            continue;
        }
        printf("    %s%s: %s%s\n", field.name, field.required ? " (needed)" : "", type_name(&field),
               field.custom ? ", of your organisation" : "");
        count++;
    }
    return count;
}

/* How many records of an entity there are, at least so many. */
static int64_t records(rove *replica, const char *entity, rove_error *error) {
    const char *table = NULL;
    rove_query *query = NULL;
    rove_value half = rove_real(0.5);
    char sql[128];
    int64_t count = -1;

    rove_status status = rove_entity_table(replica, entity, &table);
    if (status == ROVE_OK) {
        snprintf(sql, sizeof sql, "SELECT count(*) FROM \"%s\" WHERE id > ?1", table);
        status = rove_query_new(replica, sql, &half, 1, &query, error);
    }
    if (status == ROVE_OK && rove_query_step(query, error) == ROVE_OK) {
        count = rove_query_value(query, 0).as.integer;
    }
    rove_query_free(query);
    return count;
}

int main(void) {
    rove_ports ports;
    rove_error error = {.message = ""};
    rove_id id = 0;
    size_t fields = 0;

    example_ports(&ports);
    rove *replica = example_open(&ports, "example_generic_screen");
    rove_field shop[] = {{"name", rove_text("Ajax Bikes")}};
    EXAMPLE_OK(rove_insert(replica, "Account", shop, 1, &id, &error), &error);

    for (size_t i = 0; i < rove_entity_count(replica); i++) {
        const char *entity = rove_entity_name(replica, i);
        printf("%s, %lld records\n", entity, (long long)records(replica, entity, &error));
        fields += print_form(replica, entity);
    }
    int64_t accounts = records(replica, "Account", &error);
    rove_close(replica);
    example_ports_free(&ports);
    return accounts == 1 && fields > 100 ? 0 : 1;
}
