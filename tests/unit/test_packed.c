/*
 * Rows to and from protobuf: nothing is lost, unknown and custom fields included, and no bytes whatever do
 * harm.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hex.h"
#include "rove/entities.pb-c.h"
#include "rows.h"

static heap memory;
static rove_allocator allocator;
static rove__registry *registry;
static rove__arena arena;
static rove__buf buf;

static int setup(void **state) {
    (void)state;
    memory = (heap){0};
    allocator = heap_allocator(&memory);
    rove__arena_init(&arena, &allocator, (size_t)64 * 1024 * 1024);
    rove__buf_init(&buf, &allocator, (size_t)1024 * 1024);
    return rove__registry_new(&allocator, &registry) == ROVE_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    rove__registry_free(registry);
    rove__buf_free(&buf);
    rove__arena_free(&arena);
    assert_int_equal(memory.alive, 0);
    return 0;
}

static void *message_alloc(void *ctx, size_t size) {
    return heap_resize(ctx, NULL, size);
}

static void message_free(void *ctx, void *pointer) {
    (void)heap_resize(ctx, pointer, 0);
}

static ProtobufCAllocator message_port = {message_alloc, message_free, &memory};

static const rove__entity *entity_of(const char *name) {
    const rove__entity *entity = rove__registry_by_name(registry, name);

    assert_non_null(entity);
    return entity;
}

static rove_value cell_of(const rove__row *row, const char *name) {
    int ordinal = rove__entity_field_named(row->entity, name);

    assert_true(ordinal >= 0);
    assert_int_equal(rove__bits_get(&row->present, (size_t)ordinal),
                     row->cells[ordinal].type != ROVE_NULL);
    return row->cells[ordinal];
}

static int text_is(rove_value value, const char *text) {
    return value.type == ROVE_TEXT && value.size == strlen(text) &&
           memcmp(value.as.data, text, value.size) == 0;
}

static rove_status unpack_hex(const char *entity, const char *hex, rove__row *row) {
    uint8_t bytes[512];
    size_t size = hex_read(hex, bytes, sizeof bytes);
    rove_error error;

    return rove__row_from_packed(row, registry, entity_of(entity), bytes, size, &arena, &error);
}

static void a_struct_becomes_a_row_and_back(void **state) {
    Rove__Visit visit = ROVE__VISIT__INIT;
    Rove__Fix checkin = ROVE__FIX__INIT;
    int64_t contacts[] = {30, -4, 30};
    uint8_t hash[] = {0, 1, 255};
    char notes[] = "two boxes";
    ProtobufCMessage *message = NULL;
    Rove__Visit *again = NULL;
    rove__row row;

    (void)state;
    visit.has_id = 1;
    visit.id = 99;
    visit.has_account_id = 1;
    visit.account_id = INT64_MAX;
    visit.n_contact_ids = 3;
    visit.contact_ids = contacts;
    visit.has_status = 1;
    visit.status = ROVE__VISIT__STATUS__COMPLETED;
    visit.notes = notes;
    visit.has_proof = 1;
    visit.proof = (ProtobufCBinaryData){3, hash};
    visit.has_clock_suspect = 1;
    checkin.has_longitude = 1;
    checkin.longitude = -1800000000;
    checkin.has_inside = 1;
    checkin.inside = 5;
    visit.checkin = &checkin;

    assert_int_equal(rove__row_from_message(&row, registry, &visit.base, &arena, NULL), ROVE_OK);
    notes[0] = '-';
    hash[0] = 9;
    assert_int_equal(row.id, 99);
    assert_int_equal(cell_of(&row, "account_id").as.integer, INT64_MAX);
    assert_int_equal(cell_of(&row, "status").as.integer, 5);
    assert_true(text_is(cell_of(&row, "notes"), "two boxes"));
    assert_memory_equal(cell_of(&row, "proof").as.data, "\0\1\377", 3);
    assert_int_equal(cell_of(&row, "clock_suspect").as.integer, 0);
    assert_int_equal(cell_of(&row, "checkin_longitude").as.integer, -1800000000);
    assert_int_equal(cell_of(&row, "checkin_inside").as.integer, 1);
    assert_int_equal(cell_of(&row, "checkout_inside").type, ROVE_NULL);
    assert_int_equal(cell_of(&row, "planned_start").type, ROVE_NULL);

    assert_int_equal(rove__row_to_message(&row, &message_port, &message), ROVE_OK);
    again = (Rove__Visit *)message;
    assert_int_equal(again->id, 99);
    assert_int_equal(again->n_contact_ids, 2);
    assert_int_equal(again->contact_ids[0], -4);
    assert_int_equal(again->contact_ids[1], 30);
    assert_string_equal(again->notes, "two boxes");
    assert_true(again->has_clock_suspect && !again->clock_suspect);
    assert_false(again->has_planned_start);
    assert_int_equal(again->checkin->inside, 1);
    assert_null(again->checkout);
    protobuf_c_message_free_unpacked(message, &message_port);
}

static void add_customs(void) {
    static const rove_type types[] = {ROVE_INT, ROVE_REAL, ROVE_TEXT};
    static const char *const names[] = {"custom_int", "custom_real", "custom_text"};

    for (size_t i = 0; i < rove__registry_count(registry); i++) {
        for (uint32_t k = 0; k < 3; k++) {
            rove__custom custom = {.entity = rove__registry_at(registry, i)->number,
                                   .number = 1000 + k,
                                   .name = names[k],
                                   .type = types[k],
                                   .min = 0,
                                   .max = 1000};
            assert_int_equal(rove__registry_add_custom(registry, &custom, NULL), ROVE_OK);
        }
    }
}

/* Unknown fields of the row and, for an account, of its nested address. */
static void add_unknown(rove__row *row, uint64_t *seed) {
    static const uint32_t numbers[] = {900, 901, 902, 14 << 16 | 900};
    size_t count = strcmp(row->entity->name, "Account") == 0 ? 4 : 3;

    row->extra = rove__arena_take(&arena, count * sizeof *row->extra);
    row->extra_count = count;
    for (size_t i = 0; i < count; i++) {
        row->extra[i].number = numbers[i];
    }
    row->extra[0].value = rove__value_int((int64_t)dice(seed));
    row->extra[1].value = rove__value_real(-2.75);
    row->extra[2].value = random_text(seed, &arena, 30);
    if (count > 3) {
        row->extra[3].value = rove__value_bytes(ROVE_BLOB, "\xff\0x", 3);
    }
}

static void nothing_is_lost_on_a_round_trip(void **state) {
    uint64_t seed = 10;

    (void)state;
    add_customs();
    for (int run = 0; run < 2000; run++) {
        size_t at = (size_t)dice(&seed) % rove__registry_count(registry);
        const rove__entity *entity = rove__registry_at(registry, at);
        rove__row row = random_row(&seed, &arena, entity);
        ProtobufCMessage *message = NULL;
        rove__row again;
        if (run % 2) {
            add_unknown(&row, &seed);
        }
        rove__buf_reset(&buf);
        assert_int_equal(rove__row_to_packed(&row, &buf), ROVE_OK);
        assert_int_equal(
            rove__row_from_packed(&again, registry, entity, buf.data, buf.size, &arena, NULL),
            ROVE_OK);
        assert_true(rows_equal(&row, &again));
        assert_int_equal(rove__row_to_message(&row, &message_port, &message), ROVE_OK);
        assert_int_equal(rove__row_from_message(&again, registry, message, &arena, NULL), ROVE_OK);
        assert_true(rows_equal(&row, &again));
        protobuf_c_message_free_unpacked(message, &message_port);
        rove__arena_reset(&arena);
    }
}

/* What protobuf-c packs is read here, and the other way round. */
static void packed_rows_are_protobuf(void **state) {
    uint64_t seed = 11;

    (void)state;
    add_customs();
    for (int run = 0; run < 500; run++) {
        size_t at = (size_t)dice(&seed) % rove__registry_count(registry);
        const rove__entity *entity = rove__registry_at(registry, at);
        rove__row row = random_row(&seed, &arena, entity);
        ProtobufCMessage *message = NULL;
        rove__row again;
        add_unknown(&row, &seed);
        rove__buf_reset(&buf);
        assert_int_equal(rove__row_to_packed(&row, &buf), ROVE_OK);
        message = protobuf_c_message_unpack(entity->message, &message_port, buf.size, buf.data);
        assert_non_null(message);
        assert_int_equal(rove__row_from_message(&again, registry, message, &arena, NULL), ROVE_OK);
        assert_true(rows_equal(&row, &again));
        protobuf_c_message_free_unpacked(message, &message_port);
        rove__arena_reset(&arena);
    }
}

static void the_packed_form_is_the_golden_one(void **state) {
    rove__row row;

    (void)state;
    /* Tag: id 5, tag_set_id 6, value "A", active true, and the unknown field 900 = 7. */
    assert_int_equal(unpack_hex("Tag",
                                "08051006"
                                "1a0141"
                                "3001"
                                "a03807",
                                &row),
                     ROVE_OK);
    assert_int_equal(row.id, 5);
    assert_int_equal(cell_of(&row, "tag_set_id").as.integer, 6);
    assert_true(text_is(cell_of(&row, "value"), "A"));
    assert_int_equal(cell_of(&row, "active").as.integer, 1);
    assert_int_equal(row.extra_count, 1);
    assert_int_equal(row.extra[0].number, 900);
    assert_int_equal(row.extra[0].value.as.integer, 7);
    assert_int_equal(rove__row_to_packed(&row, &buf), ROVE_OK);
    assert_true(hex_equal(buf.data, buf.size, "080510061a01413001a03807"));
}

static void what_protobuf_allows_is_accepted(void **state) {
    rove__row row;
    rove__row single;

    (void)state;
    /* The last value counts; a varint may be longer than needed; any order. */
    assert_int_equal(unpack_hex("Tag",
                                "1a0141"
                                "1a0142"
                                "28818000"
                                "0805",
                                &row),
                     ROVE_OK);
    assert_true(text_is(cell_of(&row, "value"), "B"));
    assert_int_equal(cell_of(&row, "sort_order").as.integer, 1);
    assert_int_equal(row.id, 5);
    /* Repeated integers packed or single, in any order, doubles dropped. */
    assert_int_equal(unpack_hex("Visit", "1a03090309", &row), ROVE_OK);
    assert_int_equal(unpack_hex("Visit",
                                "1803"
                                "1809",
                                &single),
                     ROVE_OK);
    assert_true(rows_equal(&row, &single));
    /* Nested messages add up. */
    assert_int_equal(unpack_hex("Account",
                                "720312"
                                "0141"
                                "720312"
                                "0142"
                                "72031a0143",
                                &row),
                     ROVE_OK);
    assert_true(text_is(cell_of(&row, "billing_city"), "B"));
    assert_true(text_is(cell_of(&row, "billing_region"), "C"));
    /* Nothing at all is a row without cells. */
    assert_int_equal(unpack_hex("Account", "", &row), ROVE_OK);
    assert_int_equal(row.id, 0);
}

static void hostile_bytes_are_refused(void **state) {
    static const struct {
        const char *what;
        const char *hex; /* of an Account */
        rove_status status;
    } cases[] = {
        {"a tag cut short", "80", ROVE_INVALID},
        {"a varint cut short", "0880", ROVE_INVALID},
        {"a varint of eleven bytes", "08ffffffffffffffffffffff01", ROVE_INVALID},
        {"a text longer than the rest", "120541", ROVE_INVALID},
        {"a text of a huge size", "12ffffffffffffffffff01", ROVE_INVALID},
        {"a group", "1314", ROVE_INVALID},
        {"a fixed32", "a53801020304", ROVE_INVALID},
        {"a fixed64 cut short", "a138010203", ROVE_INVALID},
        {"the field 0", "0001", ROVE_UNKNOWN_FIELD},
        {"a field above 65535", "8080200a", ROVE_UNKNOWN_FIELD},
        {"a text that is a number", "1005", ROVE_INVALID},
        {"a number that is a text", "4a0141", ROVE_INVALID},
        {"an id that is a text", "0a0141", ROVE_INVALID},
        {"a negative id", "08ffffffffffffffffff01", ROVE_RANGE},
        {"an address that is a number", "7005", ROVE_INVALID},
        {"an address cut short", "72021205", ROVE_INVALID},
        {"a text that is not UTF-8", "1201ff", ROVE_UTF8},
        {"a text with a NUL", "1203410042", ROVE_UTF8},
        {"half a surrogate", "1203eda080", ROVE_UTF8},
        {"an enumeration's value that is none", "a80163", ROVE_RANGE},
        {"33 bits in 32", "90018080808010", ROVE_RANGE},
        {"packed numbers cut short",
         "9a0202"
         "0180",
         ROVE_INVALID},
        {"an unknown field twice", "a03801a03802", ROVE_UNKNOWN_FIELD},
        {"an unknown infinity", "a138000000000000f07f", ROVE_RANGE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rove__row row;
        if (unpack_hex("Account", cases[i].hex, &row) != cases[i].status) {
            fail_msg("%s: %s", cases[i].what,
                     rove_status_name(unpack_hex("Account", cases[i].hex, &row)));
        }
    }
}

/* Random changes of packed rows: refused, or a row that can be written and read again. */
static void damaged_bytes_do_no_harm(void **state) {
    uint64_t seed = 12;

    (void)state;
    add_customs();
    for (int run = 0; run < 20000; run++) {
        const rove__entity *entity = entity_of(run % 2 ? "Account" : "Visit");
        rove__row row = random_row(&seed, &arena, entity);
        uint8_t *bytes = NULL;
        size_t size = 0;
        rove__buf_reset(&buf);
        assert_int_equal(rove__row_to_packed(&row, &buf), ROVE_OK);
        bytes = rove__arena_copy(&arena, buf.data, buf.size);
        size = buf.size - (size_t)dice(&seed) % (buf.size < 4 ? 1 : 4);
        for (uint64_t flips = dice(&seed) % 4; flips > 0; flips--) {
            bytes[dice(&seed) % buf.size] ^= (uint8_t)(1u << dice(&seed) % 8);
        }
        if (rove__row_from_packed(&row, registry, entity, bytes, size, &arena, NULL) == ROVE_OK) {
            rove__row again;
            rove__buf_reset(&buf);
            assert_int_equal(rove__row_to_packed(&row, &buf), ROVE_OK);
            assert_int_equal(
                rove__row_from_packed(&again, registry, entity, buf.data, buf.size, &arena, NULL),
                ROVE_OK);
            assert_true(rows_equal(&row, &again));
        }
        rove__arena_reset(&arena);
    }
}

static void a_text_that_is_not_utf8_is_refused_in_a_struct(void **state) {
    Rove__Account account = ROVE__ACCOUNT__INIT;
    char bad[] = "\xc0\x80";
    char *names[] = {NULL};
    rove_error error = {0};
    rove__row row;

    (void)state;
    account.name = bad;
    assert_int_equal(rove__row_from_message(&row, registry, &account.base, &arena, &error),
                     ROVE_UTF8);
    assert_non_null(strstr(error.message, "Account.name"));
    account.name = NULL;
    account.n_alt_names = 1;
    account.alt_names = names;
    assert_int_equal(rove__row_from_message(&row, registry, &account.base, &arena, NULL),
                     ROVE_INVALID);
}

static void a_struct_that_is_no_entity_is_refused(void **state) {
    Rove__Address address = ROVE__ADDRESS__INIT;
    rove__row row;

    (void)state;
    assert_int_equal(rove__row_from_message(&row, registry, &address.base, &arena, NULL),
                     ROVE_UNKNOWN_ENTITY);
}

/* A field nested in a message that this build does not know has no place in a struct; the rest has. */
static void what_has_no_place_in_a_struct_is_left_out(void **state) {
    rove__extra extra[] = {{900, rove__value_int(1)}, {99 << 16 | 2, rove__value_int(2)}};
    rove__row row;
    rove__row again;

    (void)state;
    assert_int_equal(rove__row_init(&row, entity_of("Tag"), 5, &arena), ROVE_OK);
    row.extra = extra;
    row.extra_count = 2;
    assert_int_equal(rove__row_to_packed(&row, &buf), ROVE_OK);
    assert_int_equal(
        rove__row_from_packed(&again, registry, row.entity, buf.data, buf.size, &arena, NULL),
        ROVE_OK);
    assert_int_equal(again.extra_count, 1);
    assert_int_equal(again.extra[0].number, 900);
}

static void limits_hold(void **state) {
    rove__row row;
    uint8_t *zeros = rove__arena_take(&arena, ROVE_ROW_MAX + 1);
    int64_t tags[ROVE_SET_ELEMENTS_MAX + 1];
    Rove__Account account = ROVE__ACCOUNT__INIT;

    (void)state;
    memset(zeros, 0, ROVE_ROW_MAX + 1);
    assert_int_equal(rove__row_from_packed(&row, registry, entity_of("Tag"), zeros,
                                           ROVE_ROW_MAX + 1, &arena, NULL),
                     ROVE_TOO_BIG);
    for (int i = 0; i <= ROVE_SET_ELEMENTS_MAX; i++) {
        tags[i] = ROVE_SET_ELEMENTS_MAX - i;
    }
    account.tag_ids = tags;
    account.n_tag_ids = ROVE_SET_ELEMENTS_MAX;
    assert_int_equal(rove__row_from_message(&row, registry, &account.base, &arena, NULL), ROVE_OK);
    account.n_tag_ids++;
    assert_int_equal(rove__row_from_message(&row, registry, &account.base, &arena, NULL),
                     ROVE_TOO_BIG);
    rove__buf_reset(&buf);
    for (uint32_t i = 0; i <= ROVE_EXTRA_MAX; i++) {
        if (i == ROVE_EXTRA_MAX) {
            assert_int_equal(rove__row_from_packed(&row, registry, entity_of("Tag"), buf.data,
                                                   buf.size, &arena, NULL),
                             ROVE_OK);
        }
        rove__buf_varint(&buf, (uint64_t)(2000 + i) << 3);
        rove__buf_byte(&buf, 1);
    }
    assert_int_equal(
        rove__row_from_packed(&row, registry, entity_of("Tag"), buf.data, buf.size, &arena, NULL),
        ROVE_TOO_BIG);
}

static void a_cell_of_the_wrong_type_is_corrupt(void **state) {
    static const char *const names[] = {"name", "owner_id", "tag_ids", "alt_names"};
    rove_value wrong[] = {rove__value_int(1), rove__value_text("x"), rove__value_text("x"),
                          rove__value_bytes(ROVE_BLOB, "\0\1\1\6", 4)};
    ProtobufCMessage *message = NULL;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        rove__row row;
        assert_int_equal(rove__row_init(&row, entity_of("Account"), 5, &arena), ROVE_OK);
        rove__row_set(&row, (size_t)rove__entity_field_named(row.entity, names[i]), wrong[i]);
        assert_int_equal(rove__row_to_message(&row, &message_port, &message), ROVE_CORRUPT);
        assert_null(message);
    }
}

static void short_memory_is_reported_and_leaks_nothing(void **state) {
    uint64_t seed = 13;
    rove__row row;
    rove_status status = ROVE_NOMEM;
    size_t alive = 0;

    (void)state;
    add_customs();
    row = random_row(&seed, &arena, entity_of("Account"));
    add_unknown(&row, &seed);
    alive = memory.alive;
    for (size_t n = 1; status != ROVE_OK; n++) {
        rove__buf out;
        rove__buf_init(&out, &allocator, ROVE_ROW_MAX);
        memory.fail_at = memory.calls + n;
        status = rove__row_to_packed(&row, &out);
        memory.fail_at = 0;
        assert_true(status == ROVE_OK || status == ROVE_NOMEM);
        rove__buf_free(&out);
        assert_int_equal(memory.alive, alive);
    }
    assert_int_equal(rove__row_to_packed(&row, &buf), ROVE_OK);
    status = ROVE_NOMEM;
    for (size_t size = 0; status != ROVE_OK; size += 16) {
        rove__arena small;
        rove__row again;
        rove__arena_init(&small, &allocator, size);
        status =
            rove__row_from_packed(&again, registry, row.entity, buf.data, buf.size, &small, NULL);
        assert_true(status == ROVE_OK || status == ROVE_NOMEM);
        rove__arena_free(&small);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_struct_becomes_a_row_and_back, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_is_lost_on_a_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(packed_rows_are_protobuf, setup, teardown),
        cmocka_unit_test_setup_teardown(the_packed_form_is_the_golden_one, setup, teardown),
        cmocka_unit_test_setup_teardown(what_protobuf_allows_is_accepted, setup, teardown),
        cmocka_unit_test_setup_teardown(hostile_bytes_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_bytes_do_no_harm, setup, teardown),
        cmocka_unit_test_setup_teardown(a_text_that_is_not_utf8_is_refused_in_a_struct, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_struct_that_is_no_entity_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(what_has_no_place_in_a_struct_is_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(limits_hold, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cell_of_the_wrong_type_is_corrupt, setup, teardown),
        cmocka_unit_test_setup_teardown(short_memory_is_reported_and_leaks_nothing, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
