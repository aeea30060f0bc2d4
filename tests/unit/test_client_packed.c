/*
 * test_client_packed.c - queries as bytes: what a shell in another language packs and unpacks by rows.proto, here by the
 * code that protoc-c makes of it, means what it means in C.
 */
#include "phone.h"
#include "rows.pb-c.h"

static phone p;

static int set_up(void **state) {
    (void)state;
    phone_start(&p, "client_packed");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    phone_stop(&p);
    return 0;
}

static rove_status ask(const char *sql, const void *row, size_t row_size, Rove__Rows **rows) {
    void *bytes = NULL;
    size_t size = 0;
    rove_status status = rove_query_packed(p.replica, sql, row, row_size, &bytes, &size, &p.error);
    *rows = NULL;
    if (status == ROVE_OK) {
        *rows = rove__rows__unpack(NULL, size, bytes);
        assert_non_null(*rows);
    } else {
        assert_null(bytes);
        assert_int_equal(size, 0);
    }
    rove_release(p.replica, bytes);
    return status;
}

/* What comes of "SELECT ?1, ?2 ..." is what went in. */
static void test_values_come_back(void **state) {
    static const int64_t integers[] = {0, 1, -1, 63, 64, -64, -65, 1 << 20, INT64_MAX, INT64_MIN};
    Rove__Value values[16];
    Rove__Value *places[16];
    Rove__Row row = ROVE__ROW__INIT;
    Rove__Rows *rows = NULL;
    uint8_t packed[1024];
    char sql[256] = "SELECT ?1";
    size_t count = 0;
    (void)state;

    for (; count < 16; count++) {
        values[count] = (Rove__Value)ROVE__VALUE__INIT;
        places[count] = &values[count];
        if (count < 10) {
            values[count].has_integer = 1;
            values[count].integer = integers[count];
        }
        if (count > 0) {
            snprintf(sql + strlen(sql), sizeof sql - strlen(sql), ", ?%u", (unsigned)count + 1);
        }
    }
    values[10].has_real = 1;
    values[10].real = -1234.5678e-100;
    values[11].text = (char *)(uintptr_t) "Zürich 😀";
    values[12].text = (char *)(uintptr_t) "";
    values[13].has_blob = 1;
    values[13].blob = (ProtobufCBinaryData){4, (uint8_t *)(uintptr_t) "\0\377\0\1"};
    values[14].has_blob = 1; /* an empty one */
    row.values = places;
    row.n_values = count; /* the last is NULL */
    assert_true(rove__row__get_packed_size(&row) <= sizeof packed);
    size_t size = rove__row__pack(&row, packed);

    phone_ok(&p, ask(sql, packed, size, &rows));
    assert_int_equal(rows->n_names, count);
    assert_int_equal(rows->n_rows, 1);
    assert_int_equal(rows->rows[0]->n_values, count);
    for (size_t i = 0; i < 10; i++) {
        assert_true(rows->rows[0]->values[i]->has_integer);
        assert_true(rows->rows[0]->values[i]->integer == integers[i]);
    }
    assert_true(rows->rows[0]->values[10]->real == values[10].real);
    assert_string_equal(rows->rows[0]->values[11]->text, "Zürich 😀");
    assert_string_equal(rows->rows[0]->values[12]->text, "");
    assert_int_equal(rows->rows[0]->values[13]->blob.len, 4);
    assert_memory_equal(rows->rows[0]->values[13]->blob.data, "\0\377\0\1", 4);
    assert_true(rows->rows[0]->values[14]->has_blob);
    const Rove__Value *none = rows->rows[0]->values[15];
    assert_false(none->has_integer || none->has_real || none->has_blob || none->text != NULL);
    /* What is written is the shortest form, and the same. */
    assert_int_equal(rove__row__get_packed_size(rows->rows[0]), size);
    rove__rows__free_unpacked(rows, NULL);
}

static void test_rows_of_records(void **state) {
    Rove__Rows *rows = NULL;
    char name[32];
    (void)state;

    phone_ok(&p, rove_begin(p.replica, &p.error));
    for (int i = 0; i < 700; i++) {
        snprintf(name, sizeof name, "shop %03d", i);
        (void)phone_account(&p, name);
    }
    phone_ok(&p, rove_commit(p.replica, &p.error));
    phone_ok(&p, ask("SELECT name, phone FROM account ORDER BY name", NULL, 0, &rows));
    assert_int_equal(rows->n_names, 2);
    assert_string_equal(rows->names[0], "name");
    assert_string_equal(rows->names[1], "phone");
    assert_int_equal(rows->n_rows, 700);
    assert_string_equal(rows->rows[699]->values[0]->text, "shop 699");
    assert_null(rows->rows[699]->values[1]->text);
    rove__rows__free_unpacked(rows, NULL);
    phone_ok(&p, ask("SELECT id FROM account WHERE name = 'nobody'", NULL, 0, &rows));
    assert_int_equal(rows->n_names, 1);
    assert_int_equal(rows->n_rows, 0);
    rove__rows__free_unpacked(rows, NULL);
}

/* Fields that a later version may add are skipped, whatever their type. */
static void test_unknown_fields(void **state) {
    static const uint8_t row[] = {0x10, 0x96, 0x01, /* 2: a varint */
                                  0x0a, 0x08, 0x28, 0x07, 0x08, 0x54, 0x32, 0x02, 1,
                                  2,                         /* a value: 5, then 42, then 6 */
                                  0x1d, 1,    2,    3,    4, /* 3: four bytes */
                                  0x21, 1,    2,    3,    4,    5,    6,    7,    8, /* 4: eight */
                                  0x2a, 0x01, 9};                                    /* 5: bytes */
    Rove__Rows *rows = NULL;
    (void)state;

    phone_ok(&p, ask("SELECT ?1", row, sizeof row, &rows));
    assert_true(rows->rows[0]->values[0]->integer == 42);
    rove__rows__free_unpacked(rows, NULL);
}

static void test_bytes_that_are_no_row(void **state) {
    static const struct {
        const char *bytes;
        size_t size;
    } bad[] = {{"\x0a", 1},         {"\x0a\x05\x08", 3}, {"\x0a\x01\x08", 3},        {"\x0b", 1},
               {"\x0a\x01\x0b", 3}, {"\xff", 1},         {"\x0a\x03\x11\x00\x00", 5}};
    Rove__Rows *rows = NULL;
    static uint8_t many[2 * 1001];
    (void)state;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        phone_is(&p, ask("SELECT ?1", bad[i].bytes, bad[i].size, &rows), ROVE_INVALID);
    }
    for (size_t i = 0; i < sizeof many; i += 2) {
        many[i] = 0x0a;
    }
    phone_is(&p, ask("SELECT ?1", many, sizeof many, &rows), ROVE_TOO_BIG);
}

static void test_what_a_query_refuses(void **state) {
    Rove__Rows *rows = NULL;
    void *bytes = NULL;
    size_t size = 0;
    (void)state;

    phone_is(&p, ask("DELETE FROM account", NULL, 0, &rows), ROVE_DENIED);
    phone_is(&p, ask("SELECT ?1", NULL, 0, &rows), ROVE_INVALID);
    phone_is(&p, ask(NULL, NULL, 0, &rows), ROVE_INVALID);
    phone_is(&p, ask("SELECT 1", NULL, 1, &rows), ROVE_INVALID);
    phone_is(&p, rove_query_packed(NULL, "SELECT 1", NULL, 0, &bytes, &size, &p.error),
             ROVE_INVALID);
}

/* More than fits: nothing comes, and the next query is as ever. */
static void test_too_many_rows(void **state) {
    Rove__Rows *rows = NULL;
    (void)state;

    phone_is(&p,
             ask("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) "
                 "SELECT hex(zeroblob(10000)) FROM n",
                 NULL, 0, &rows),
             ROVE_TOO_BIG);
    assert_non_null(strstr(p.error.message, "LIMIT"));
    phone_ok(&p, ask("SELECT 1", NULL, 0, &rows));
    rove__rows__free_unpacked(rows, NULL);
}

static void test_without_memory(void **state) {
    rove_status status = ROVE_NOMEM;
    Rove__Rows *rows = NULL;
    size_t n = 1;
    (void)state;

    (void)phone_account(&p, "shop");
    for (; status == ROVE_NOMEM; n++) {
        p.memory.fail_at = p.memory.calls + n;
        status = ask("SELECT id, name FROM account", NULL, 0, &rows);
        p.memory.fail_at = 0;
    }
    phone_is(&p, status, ROVE_OK);
    assert_true(n > 3);
    rove__rows__free_unpacked(rows, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_values_come_back),     TEST(test_rows_of_records),
        TEST(test_unknown_fields),       TEST(test_bytes_that_are_no_row),
        TEST(test_what_a_query_refuses), TEST(test_too_many_rows),
        TEST(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
