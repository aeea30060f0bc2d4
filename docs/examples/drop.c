/*
 * drop.c - a rep comes out of a customer's door, and his app is locked: what he writes goes into the drop box, sealed to
 * headquarters, and leaves it with the next sync. And what is left of it when the replica is gone is sent all the same.
 */
#include "example.h"

static rove_status secret(void *ctx, uint8_t bytes[ROVE_SECRET_SIZE], rove_error *error) {
    (void)ctx;
    return rove_posix_secret_file("example_drop.secret", bytes, error);
}

/* Into the replica, or past it. */
static rove_status record_call(rove *replica, rove_id account, const char *notes,
                               rove_error *error) {
    rove_field fields[] = {{"about_id", rove_int(account)}, {"notes", rove_text(notes)}};
    uint8_t reference[ROVE_REFERENCE_SIZE];
    rove_id id = 0;

    rove_status status = rove_insert(replica, "Call", fields, 2, &id, error);
    if (status == ROVE_LOCKED) {
        status = rove_drop_record(replica, "Call", fields, 2, reference, error);
        printf("kept for headquarters, %02x%02x...\n", reference[0], reference[1]);
    }
    return status;
}

/* What headquarters will never take, as it is shown to the rep before he gives it up. */
static rove_status show(void *ctx, const rove_drop_item *item) {
    (void)ctx;
    if (item->standing == ROVE_DROP_IS_REFUSED) {
        printf("%s of %llu bytes\n", item->kind == ROVE_DROP_NOTE ? "a visit or a call" : "work",
               (unsigned long long)item->bytes);
    }
    return ROVE_OK;
}

int main(void) {
    rove_ports ports;
    rove_error error;
    rove_field fields[] = {{"name", rove_text("Ajax Bikes")}};
    rove_drop_state box = {.size = sizeof box};
    rove_drop_report report = {.size = sizeof report};
    rove_id account = 0;
    uint64_t given_up = 0;

    example_ports(&ports);
    ports.keyring = (rove_keyring){.secret = secret};
    rove *replica = example_open(&ports, "example_drop");
    EXAMPLE_OK(rove_insert(replica, "Account", fields, 1, &account, &error), &error);
    EXAMPLE_OK(rove_lock(replica, &error), &error);
    EXAMPLE_OK(record_call(replica, account, "wants ten more", &error), &error);
    rove_state state = {.size = sizeof state};
    EXAMPLE_OK(rove_read_state(replica, &state, &error), &error);
    rove_close(replica);

    /* Without a replica, as a service app may do it for one that was wiped. */
    EXAMPLE_OK(rove_drop_read(&ports, "example_drop", &box, &error), &error);
    printf("%llu records wait\n", (unsigned long long)box.waiting);
    rove_status status = rove_drop_send(&ports, "example_drop", NULL, NULL, &report, &error);
    printf("%s: %s\n", rove_status_name(status), error.message);
    EXAMPLE_OK(rove_drop_list(&ports, "example_drop", show, NULL, &error), &error);
    if (box.refused > 0) { /* and the rep said so */
        EXAMPLE_OK(rove_drop_discard(&ports, "example_drop", &given_up, &error), &error);
    }
    example_ports_free(&ports);
    return state.dropped == 1 && box.waiting == 1 && status == ROVE_NETWORK ? 0 : 1;
}
