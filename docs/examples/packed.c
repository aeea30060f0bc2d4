/*
 * packed.c - whole records as structs and as bytes: rove_put and rove_get for C, the packed form for shells in other
 * languages, whose own protobuf library reads and writes it.
 */
#include "example.h"

#include <rove/entities.pb-c.h>

int main(void) {
    rove_ports ports;
    rove_error error;
    rove_id id = 0;

    example_ports(&ports);
    rove *replica = example_open(&ports, "example_packed");

    /* A struct in. What is not set stays out of the record. */
    char name[] = "Ajax Bikes";
    char city[] = "Utrecht";
    Rove__Address billing = ROVE__ADDRESS__INIT;
    Rove__Account account = ROVE__ACCOUNT__INIT;
    billing.city = city;
    account.name = name;
    account.billing = &billing;
    account.has_tier = 1;
    account.tier = ROVE__ACCOUNT__TIER__B;
    EXAMPLE_OK(rove_put(replica, &account.base, &id, &error), &error);

    /* A struct out; the library frees it. */
    struct ProtobufCMessage *message = NULL;
    EXAMPLE_OK(rove_get(replica, "Account", id, &message, &error), &error);
    const Rove__Account *read = (const Rove__Account *)message;
    printf("%s, %s, tier %d\n", read->name, read->billing->city, (int)read->tier);
    rove_release_message(replica, message);

    /* Bytes out, for the screen of a shell. */
    void *bytes = NULL;
    size_t size = 0;
    EXAMPLE_OK(rove_get_packed(replica, "Account", id, &bytes, &size, &error), &error);
    printf("%u bytes\n", (unsigned)size);
    Rove__Account *copy = rove__account__unpack(NULL, size, bytes);
    rove_release(replica, bytes);
    if (copy == NULL) {
        return 1;
    }
    printf("%s\n", copy->name);
    rove__account__free_unpacked(copy, NULL);

    /* And in, with an id: they change that record. Only what the rep changed, for the rest may have come anew since it was read. */
    Rove__Account changed = ROVE__ACCOUNT__INIT;
    changed.has_id = 1;
    changed.id = id;
    changed.has_tier = 1;
    changed.tier = ROVE__ACCOUNT__TIER__A;
    uint8_t packed[64];
    size = rove__account__pack(&changed, packed);
    EXAMPLE_OK(rove_put_packed(replica, "Account", packed, size, &id, &error), &error);

    /* Enumerations have names, for screens and files. */
    const char *key = NULL;
    rove_status status = rove_enum_key(replica, "Account", "tier", ROVE__ACCOUNT__TIER__A, &key);
    printf("tier %s\n", status == ROVE_OK ? key : "?");

    /* A query as bytes: a Row with the one text "Ajax Bikes" in, Rows out. A shell has both from rows.proto. */
    uint8_t row[2 + 2 + sizeof name - 1] = {1 << 3 | 2, 2 + sizeof name - 1, 3 << 3 | 2,
                                            sizeof name - 1};
    memcpy(row + 4, name, sizeof name - 1);
    EXAMPLE_OK(rove_query_packed(replica, "SELECT id, tier FROM account WHERE name = ?1", row,
                                 sizeof row, &bytes, &size, &error),
               &error);
    printf("%u bytes of rows\n", (unsigned)size);
    rove_release(replica, bytes);

    rove_close(replica);
    example_ports_free(&ports);
    return status == ROVE_OK && size > 0 ? 0 : 1;
}
