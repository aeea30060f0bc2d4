/*
 * export.c - a list that an app writes out of an encrypted replica for later, sealed: nobody but this replica reads the file. Bytes
 * go through it as they come, so that its length does not matter.
 */
#include "example.h"

static rove_status secret(void *ctx, uint8_t bytes[ROVE_SECRET_SIZE], rove_error *error) {
    return rove_posix_secret_file(ctx, bytes, error);
}

/* ---- the app's file, as a sink and as a source ---- */

static rove_status write_file(void *ctx, const void *bytes, size_t size, rove_error *error) {
    (void)error;
    return fwrite(bytes, 1, size, ctx) == size ? ROVE_OK : ROVE_IO;
}

static rove_status read_file(void *ctx, uint64_t at, void *bytes, size_t size, rove_error *error) {
    (void)error;
    return fseek(ctx, (long)at, SEEK_SET) == 0 && fread(bytes, 1, size, ctx) == size ? ROVE_OK
                                                                                     : ROVE_IO;
}

static void write_names(rove *replica, const char *path) {
    rove_export *out = NULL;
    rove_query *query = NULL;
    rove_error error;
    FILE *file = fopen(path, "wb");

    if (file == NULL) {
        exit(1);
    }
    const rove_sink to = {write_file, file};
    EXAMPLE_OK(rove_export_new(replica, &to, &out, &error), &error);
    EXAMPLE_OK(rove_query_new(replica, "SELECT name FROM account", NULL, 0, &query, &error),
               &error);
    while (rove_query_step(query, &error) == ROVE_OK) {
        rove_value name = rove_query_value(query, 0);
        EXAMPLE_OK(rove_export_write(out, name.as.data, name.size, &error), &error);
        EXAMPLE_OK(rove_export_write(out, "\n", 1, &error), &error);
    }
    rove_query_free(query);
    EXAMPLE_OK(rove_export_end(out, &error), &error); /* without it the file opens nowhere */
    rove_export_free(out);
    (void)fclose(file);
}

static rove_status print_names(rove *replica, const char *path, rove_error *error) {
    FILE *file = fopen(path, "rb");
    rove_source from = {.read = read_file, .ctx = file};
    const rove_sink to = {write_file, stdout};

    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        exit(1);
    }
    from.size = (uint64_t)ftell(file);
    rove_status status = rove_export_open(replica, &from, &to, error);
    (void)fclose(file);
    return status;
}

int main(void) {
    static char secret_path[] = "example_export.secret";
    rove_ports ports;
    rove_error error;
    rove_id account = 0;

    example_ports(&ports);
    ports.keyring = (rove_keyring){.secret = secret, .ctx = secret_path};
    rove *replica = example_open(&ports, "example_export");
    rove_field fields[] = {{"name", rove_text("Ajax Bikes")}};
    EXAMPLE_OK(rove_insert(replica, "Account", fields, 1, &account, &error), &error);

    write_names(replica, "example_export.rove");
    EXAMPLE_OK(print_names(replica, "example_export.rove", &error), &error);

    /* A byte of it is changed by somebody. */
    FILE *file = fopen("example_export.rove", "r+b");
    if (file == NULL || fseek(file, 90, SEEK_SET) != 0 || fputc('?', file) == EOF) {
        return 1;
    }
    (void)fclose(file);
    rove_status status = print_names(replica, "example_export.rove", &error);
    printf("%s: %s\n", rove_status_name(status), error.message);

    rove_close(replica);
    example_ports_free(&ports);
    return status == ROVE_CORRUPT ? 0 : 1;
}
