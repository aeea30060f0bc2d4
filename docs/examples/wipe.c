/*
 * wipe.c - a rep gives his phone back: what he has not sent is sealed to headquarters, everything else goes. What is sealed is
 * delivered when there is a network, by whoever has the folder.
 */
#include "example.h"

static rove_status secret(void *ctx, uint8_t bytes[ROVE_SECRET_SIZE], rove_error *error) {
    (void)ctx;
    return rove_posix_secret_file("example_wipe.secret", bytes, error);
}

int main(void) {
    rove_ports ports;
    rove_error error;
    rove_field fields[] = {{"name", rove_text("Ajax Bikes")}};
    rove_drop_state box = {.size = sizeof box};
    rove_id account = 0;

    example_ports(&ports);
    ports.keyring = (rove_keyring){.secret = secret};
    rove *replica = example_open(&ports, "example_wipe");
    EXAMPLE_OK(rove_insert(replica, "Account", fields, 1, &account, &error), &error);

    /* The app has asked twice. */
    EXAMPLE_OK(rove_wipe(replica, &error), &error);
    rove_status read = rove_begin(replica, &error);
    printf("%s: %s\n", rove_status_name(read), error.message);
    rove_close(replica);

    EXAMPLE_OK(rove_drop_read(&ports, "example_wipe", &box, &error), &error);
    printf("%llu records wait for headquarters\n", (unsigned long long)box.waiting);
    rove_status opened = rove_open(&ports, "example_wipe", &replica, &error);
    rove_status sent = rove_drop_send(&ports, "example_wipe", NULL, NULL, NULL, &error);
    example_ports_free(&ports);
    return read == ROVE_WIPED && opened == ROVE_WIPED && box.waiting == 2 && sent == ROVE_NETWORK
               ? 0
               : 1;
}
