/*
 * visit.c - a visit from its plan to its seal: times and choices as a rep writes them, a field that is cleared, a record
 * that is deleted, and a list of what is planned.
 */
#include "example.h"

/* "2026-11-24T09:00Z", as a form has it, into a field. */
static rove_field at(const char *name, const char *text) {
    int64_t unix_ms = 0;
    rove_status status = rove_time_parse(text, &unix_ms);

    return (rove_field){name, status == ROVE_OK ? rove_int(unix_ms) : rove_null()};
}

/* A choice by its key, "HIGH" say, as the number that the field holds. */
static rove_status choice(const rove *replica, const char *field, const char *key,
                          rove_field *out) {
    int64_t value = 0;
    rove_status status = rove_enum_value(replica, "Visit", field, key, &value);

    *out = (rove_field){field, rove_int(value)};
    return status;
}

/* Prints whatever a SELECT gives; a screen would keep it and free the query. */
static rove_status print(rove *replica, const char *sql, rove_value parameter, rove_error *error) {
    rove_query *query = NULL;
    rove_status status = rove_query_new(replica, sql, &parameter, 1, &query, error);

    while (status == ROVE_OK && (status = rove_query_step(query, error)) == ROVE_OK) {
        for (size_t i = 0; i < rove_query_columns(query); i++) {
            rove_value value = rove_query_value(query, i);
            char time[ROVE_TIME_SIZE];
            rove_time_format(value.type == ROVE_INT ? value.as.integer : 0, time);
            if (value.type == ROVE_TEXT) {
                printf("%s: %.*s  ", rove_query_name(query, i), (int)value.size,
                       (const char *)value.as.data);
            } else {
                printf("%s: %s  ", rove_query_name(query, i), value.type == ROVE_INT ? time : "-");
            }
        }
        printf("\n");
    }
    rove_query_free(query);
    return status == ROVE_DONE ? ROVE_OK : status;
}

int main(void) {
    rove_ports ports;
    rove_error error = {.message = ""};
    rove_id account = 0;
    rove_id visit = 0;
    rove_id mistake = 0;

    example_ports(&ports);
    rove *replica = example_open(&ports, "example_visit");
    rove_field shop[] = {{"name", rove_text("Ajax Bikes")}};
    EXAMPLE_OK(rove_insert(replica, "Account", shop, 1, &account, &error), &error);

    rove_field plan[] = {{"account_id", rove_int(account)},
                         at("planned_start", "2026-11-24T09:00Z"),
                         {"purpose", rove_text("spring order")},
                         {"status", rove_int(0)},
                         {"priority", rove_int(0)}};
    EXAMPLE_OK(choice(replica, "status", "PLANNED", &plan[3]), &error);
    EXAMPLE_OK(choice(replica, "priority", "HIGH", &plan[4]), &error);
    EXAMPLE_OK(rove_insert(replica, "Visit", plan, 5, &visit, &error), &error);
    EXAMPLE_OK(rove_insert(replica, "Visit", plan, 5, &mistake, &error), &error);
    EXAMPLE_OK(rove_delete(replica, "Visit", mistake, &error), &error);
    EXAMPLE_OK(print(replica,
                     "SELECT a.name, v.planned_start, v.purpose FROM visit v JOIN account a"
                     " ON a.id = v.account_id WHERE v.planned_start > ?1",
                     rove_int(0), &error),
               &error);

    rove_field start[] = {{"status", rove_int(0)}, {"purpose", rove_null()}};
    EXAMPLE_OK(choice(replica, "status", "IN_PROGRESS", &start[0]), &error);
    EXAMPLE_OK(rove_update(replica, "Visit", visit, start, 2, &error), &error);
    rove_field finish[] = {{"status", rove_int(0)}, {"outcome", rove_text("Ordered")}};
    EXAMPLE_OK(choice(replica, "status", "COMPLETED", &finish[0]), &error);
    EXAMPLE_OK(rove_seal(replica, "Visit", visit, finish, 2, &error), &error);

    /* What is sealed never changes: a correction is a record of its own. */
    rove_status status = rove_update(replica, "Visit", visit, finish + 1, 1, &error);
    if (status == ROVE_OK) {
        rove_field other[] = {{"outcome", rove_text("No interest")}};
        status = rove_update(replica, "Visit", visit, other, 1, &error);
    }
    printf("%s: %s\n", rove_status_name(status), error.message);
    rove_close(replica);
    example_ports_free(&ports);
    return status == ROVE_STATE ? 0 : 1;
}
