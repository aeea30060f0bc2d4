/*
 * transaction.c - several writes as one, a watcher that keeps a screen up to date, a counter, a set, and an undo.
 */
#include "example.h"

/* Told after each commit: a screen would read again what it shows of these records. */
static void refresh(void *ctx, const rove_event *events, size_t count) {
    int *refreshed = ctx;

    for (size_t i = 0; i < count; i++) {
        printf("changed: %s %lld\n", events[i].entity, (long long)events[i].id);
    }
    *refreshed += 1;
}

/* A lead that became a customer: account, contact and the role between them, or none of the three. */
static rove_status convert(rove *replica, rove_id *account, rove_error *error) {
    rove_id contact = 0;
    rove_id role = 0;
    rove_field company[] = {{"name", rove_text("Borealis Outdoor")}};
    rove_field person[] = {{"last_name", rove_text("Jansen")}};

    rove_status status = rove_begin(replica, error);
    if (status != ROVE_OK) {
        return status;
    }
    status = rove_insert(replica, "Account", company, 1, account, error);
    if (status == ROVE_OK) {
        status = rove_insert(replica, "Contact", person, 1, &contact, error);
    }
    if (status == ROVE_OK) {
        rove_field fields[] = {{"account_id", rove_int(*account)},
                               {"contact_id", rove_int(contact)}};
        status = rove_insert(replica, "AccountContactRole", fields, 2, &role, error);
    }
    if (status != ROVE_OK) {
        rove_rollback(replica);
        return status;
    }
    return rove_commit(replica, error);
}

int main(void) {
    rove_ports ports;
    rove_error error;
    rove_id account = 0;
    int refreshed = 0;

    example_ports(&ports);
    rove *replica = example_open(&ports, "example_transaction");
    rove_watch(replica, refresh, &refreshed);

    EXAMPLE_OK(convert(replica, &account, &error), &error);
    EXAMPLE_OK(rove_increment(replica, "Account", account, "points", 50, &error), &error);
    EXAMPLE_OK(
        rove_element(replica, "Account", account, "alt_names", rove_text("Borealis"), 1, &error),
        &error);

    /* Nothing of this account was sent yet, so it can be taken back whole. */
    EXAMPLE_OK(rove_undo(replica, "Account", account, &error), &error);
    rove_watch(replica, NULL, NULL);

    void *bytes = NULL;
    size_t size = 0;
    rove_status status = rove_get_packed(replica, "Account", account, &bytes, &size, &error);
    printf("%s: %s\n", rove_status_name(status), error.message);
    rove_close(replica);
    example_ports_free(&ports);
    return status == ROVE_NOT_FOUND && refreshed == 4 ? 0 : 1;
}
