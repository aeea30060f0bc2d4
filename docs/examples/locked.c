/*
 * locked.c - an encrypted replica: a keyring opens it, and it is locked while the rep is away. Where there is a keystore, its
 * callback takes the place of the file here. What this process frees is overwritten, so that a locked device has nothing to tell.
 */
#include "example.h"

/* What the app knows of the rep and of its keystore. */
typedef struct app {
    char secret_path[400];
    const char *typed; /* the PIN */
} app;

static rove_status secret(void *ctx, uint8_t bytes[ROVE_SECRET_SIZE], rove_error *error) {
    const app *self = ctx;

    return rove_posix_secret_file(self->secret_path, bytes, error);
}

static rove_status pin(void *ctx, char *bytes, size_t capacity, size_t *size, rove_error *error) {
    const app *self = ctx;

    (void)error;
    *size = strlen(self->typed);
    if (*size > capacity) {
        return ROVE_CANCELLED;
    }
    memcpy(bytes, self->typed, *size);
    return ROVE_OK;
}

static int shows_its_state(rove *replica) {
    rove_state state = {.size = sizeof state};

    if (rove_read_state(replica, &state, NULL) == ROVE_OK) {
        printf("%s, %s\n", state.encrypted ? "encrypted" : "plain",
               state.locked ? "locked" : "open");
    }
    return state.locked;
}

int main(void) {
    app self = {.secret_path = "example_locked.secret", .typed = "4711"};
    rove_ports ports;
    rove_error error;
    rove_id account = 0;
    void *bytes = NULL;
    size_t size = 0;

    if (!rove_posix_overwrite_freed()) {
        puts("freed memory is not overwritten on this system");
    }
    example_ports(&ports);
    ports.keyring = (rove_keyring){.secret = secret, .pin = pin, .ctx = &self};
    rove *replica = example_open(&ports, "example_locked");
    EXAMPLE_OK(rove_wrap_key(replica, NULL, self.typed, strlen(self.typed), &error), &error);

    rove_field fields[] = {{"name", rove_text("Ajax Bikes")}};
    EXAMPLE_OK(rove_insert(replica, "Account", fields, 1, &account, &error), &error);

    /* The screen goes off. */
    EXAMPLE_OK(rove_lock(replica, &error), &error);
    int locked = shows_its_state(replica);
    rove_status status = rove_get_packed(replica, "Account", account, &bytes, &size, &error);
    printf("%s: %s\n", rove_status_name(status), error.message);

    /* Another one types a PIN; then the rep does. */
    self.typed = "0000";
    rove_status wrong = rove_unlock(replica, &error);
    printf("%s: %s\n", rove_status_name(wrong), error.message);
    self.typed = "4711";
    EXAMPLE_OK(rove_unlock(replica, &error), &error);
    int open = !shows_its_state(replica);
    EXAMPLE_OK(rove_get_packed(replica, "Account", account, &bytes, &size, &error), &error);
    printf("%zu bytes\n", size);
    rove_release(replica, bytes);

    /* The secret was seen by somebody: what he may have copied opens nothing that is written from now on. */
    EXAMPLE_OK(rove_replace_key(replica, &error), &error);

    rove_close(replica);
    example_ports_free(&ports);
    return locked && open && status == ROVE_LOCKED && wrong == ROVE_WRONG_KEY ? 0 : 1;
}
