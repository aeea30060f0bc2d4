/*
 * first_replica.c - open a replica, write an account and a visit, change the visit, and read both back.
 */
#include "example.h"

/* Every visit with the name of its account. Text of a query is not NUL-terminated: print it by its size. */
static void list_visits(rove *replica) {
    rove_value since = rove_int(rove_now_ms(replica) - 86400000);
    rove_query *query = NULL;
    rove_error error;
    rove_status status;

    EXAMPLE_OK(rove_query_new(replica,
                              "SELECT account.name, visit.purpose FROM visit"
                              " JOIN account ON account.id = visit.account_id"
                              " WHERE visit.planned_start > ?1 ORDER BY visit.planned_start",
                              &since, 1, &query, &error),
               &error);
    while ((status = rove_query_step(query, &error)) == ROVE_OK) {
        rove_value name = rove_query_value(query, 0);
        rove_value purpose = rove_query_value(query, 1);
        printf("%.*s: %.*s\n", (int)name.size, (const char *)name.as.data, (int)purpose.size,
               (const char *)purpose.as.data);
    }
    if (status != ROVE_DONE) {
        fprintf(stderr, "%s\n", error.message);
    }
    rove_query_free(query);
}

int main(void) {
    rove_ports ports;
    rove_error error;
    rove_id account = 0;
    rove_id visit = 0;

    example_ports(&ports);
    rove *replica = example_open(&ports, "example_first_replica");

    rove_field fields[] = {{"name", rove_text("Ajax Bikes")},
                           {"billing_city", rove_text("Utrecht")}};
    EXAMPLE_OK(rove_insert(replica, "Account", fields, 2, &account, &error), &error);

    rove_field plan[] = {{"account_id", rove_int(account)},
                         {"planned_start", rove_int(rove_now_ms(replica) + 3600000)},
                         {"purpose", rove_text("show the new frames")}};
    EXAMPLE_OK(rove_insert(replica, "Visit", plan, 3, &visit, &error), &error);

    rove_field change[] = {{"purpose", rove_text("show the new frames, bring a catalogue")}};
    EXAMPLE_OK(rove_update(replica, "Visit", visit, change, 1, &error), &error);
    list_visits(replica);

    /* What may not be written is said in words that a person can be shown. */
    rove_field wrong[] = {{"account_id", rove_text("Ajax Bikes")}};
    rove_status status = rove_update(replica, "Visit", visit, wrong, 1, &error);
    printf("%s: %s\n", rove_status_name(status), error.message);

    rove_close(replica);
    example_ports_free(&ports);
    return status == ROVE_INVALID ? 0 : 1;
}
