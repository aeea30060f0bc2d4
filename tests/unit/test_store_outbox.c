/*
 * Entries of the outbox: their bytes, what damaged bytes do, and both versions of a row with pending work.
 */
#include "replica.h"
#include "store/exchange.h"
#include "store_trial.h"

static replica r;

static int setup(void **state) {
    (void)state;
    replica_start(&r, "outbox");
    store_trial_with(&r.memory);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    store_trial_with(NULL);
    replica_end(&r);
    return 0;
}

static rove__pending_cell sample_cells[2] = {
    {.field = 3,
     .raw = 0x0102030405060708u,
     .base = {0x1112131415161718u, 1},
     .has_under = 1,
     .under = {.type = ROVE_INT, .as.integer = -2}},
    {.field = 21,
     .epoch = 2,
     .under_epoch = 1,
     .raw = 0x0102030405060709u,
     .base = {0x11u, 7},
     .has_pending = 1,
     .pending = {.type = ROVE_INT, .as.integer = 5}},
};

static rove__entry sample(void) {
    rove__entry entry;
    memset(&entry, 0, sizeof entry);
    entry.op = ROVE_OP_UPDATE;
    entry.replica = 7;
    entry.raw = 0x0102030405060708u;
    entry.cursor.timeline = 1;
    entry.cursor.seq = 300;
    entry.cells = sample_cells;
    entry.count = 2;
    return entry;
}

static rove__buf write_entry(const rove__entry *entry) {
    rove__buf buf;
    rove__buf_init(&buf, &r.allocator, 65536);
    rove__entry_write(&buf, entry);
    assert_int_equal(rove__buf_status(&buf), ROVE_OK);
    return buf;
}

static void an_entry_has_these_bytes(void **state) {
    (void)state;
    static const uint8_t golden[] = {
        2, 7, 1, 2, 3, 4, 5, 6, 7, 8, 1,    0xac, 2,    2, /* op replica raw timeline seq count */
        3, 1, 1, 2, 3, 4, 5, 6, 7, 8, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 1, 1, 3, 21,
        6, 1, 2, 3, 4, 5, 6, 7, 9, 0, 0,    0,    0,    0,    0,    0,    0x11, 7,    2, 1, 1, 10,
    };
    rove__entry entry = sample();
    rove__buf buf = write_entry(&entry);
    assert_int_equal(buf.size, sizeof golden);
    assert_memory_equal(buf.data, golden, sizeof golden);

    rove__entry read;
    memset(&read, 0, sizeof read);
    assert_int_equal(rove__entry_read(&read, buf.data, buf.size, &r.arena), ROVE_OK);
    assert_int_equal(read.op, ROVE_OP_UPDATE);
    assert_int_equal(read.cursor.seq, 300);
    assert_int_equal(read.count, 2);
    assert_int_equal(read.cells[0].under.as.integer, -2);
    assert_false(read.cells[0].has_pending);
    assert_int_equal(read.cells[1].epoch, 2);
    assert_int_equal(read.cells[1].under_epoch, 1);
    assert_int_equal(read.cells[1].pending.as.integer, 5);
    rove__buf_free(&buf);
}

static void damaged_bytes_are_found_out(void **state) {
    (void)state;
    rove__entry entry = sample();
    rove__buf buf = write_entry(&entry);
    rove__entry read;

    for (size_t size = 0; size < buf.size; size++) {
        uint8_t *cut = malloc(size + 1); /* exactly so long, for the sanitizer */
        memcpy(cut, buf.data, size);
        assert_int_equal(rove__entry_read(&read, cut, size, &r.arena), ROVE_CORRUPT);
        free(cut);
    }
    for (size_t at = 0; at < buf.size * 8; at++) {
        buf.data[at / 8] ^= (uint8_t)(1u << at % 8);
        rove_status status = rove__entry_read(&read, buf.data, buf.size, &r.arena);
        assert_true(status == ROVE_OK || status == ROVE_CORRUPT);
        buf.data[at / 8] ^= (uint8_t)(1u << at % 8);
        rove__arena_reset(&r.arena);
    }
    rove__buf_byte(&buf, 0);
    assert_int_equal(rove__entry_read(&read, buf.data, buf.size, &r.arena), ROVE_CORRUPT);
    rove__buf_free(&buf);
}

static void cells_stand_in_order(void **state) {
    (void)state;
    rove__entry entry;
    rove__pending_cell *cell = NULL;
    static const uint32_t fields[] = {9, 3, 917506, 5};

    memset(&entry, 0, sizeof entry);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(rove__entry_add(&entry, &r.arena, fields[i], &cell), ROVE_OK);
        cell->raw = fields[i];
    }
    assert_int_equal(entry.count, 4);
    for (size_t i = 1; i < 4; i++) {
        assert_true(entry.cells[i - 1].field < entry.cells[i].field);
    }
    assert_int_equal(rove__entry_cell(&entry, 5)->raw, 5);
    assert_null(rove__entry_cell(&entry, 4));
}

static void a_damaged_entry_is_reported_and_the_rest_works(void **state) {
    (void)state;
    rove_id id = replica_account(&r, "Bakery");
    rove_id other = replica_account(&r, "Other");
    assert_int_equal(sqlite3_exec(r.store->db, "UPDATE _outbox SET body = x'ff' WHERE seq = 1",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    rove__row row = replica_row(&r, "Account", id);
    replica_set_text(&row, "phone", "1");
    replica_begin(&r);
    assert_int_equal(rove__store_update(r.store, &row, &r.error), ROVE_CORRUPT);
    rove__row good = replica_row(&r, "Account", other);
    replica_set_text(&good, "phone", "1");
    replica_ok(&r, rove__store_update(r.store, &good, &r.error));
    replica_commit(&r);
    replica_expect_text(&r, "Account", other, "phone", "1");
}

/* Headquarters' version and what is shown, from the tables. */
static void read_both(rove_id id, rove__stored *shown, rove__stored *under, int *live) {
    const rove__entity *account = replica_entity(&r, "Account");
    rove__record record;
    rove__stored again;

    replica_ok(&r, rove__store_enter(r.store, &r.error));
    replica_ok(&r, rove__table_get(r.store, account, id, &r.arena, shown, &r.error));
    replica_ok(&r, rove__record_load(r.store, account, id, &r.arena, &record, &r.error));
    *under = record.under;
    *live = rove__record_live(&record);
    /* Laying the entries over headquarters' version gives what is shown. */
    replica_ok(&r, rove__store_overlay(r.store, under, record.entries, record.count, &r.arena,
                                       &again, &r.error));
    for (size_t i = 0; i < account->field_count; i++) {
        assert_true(rove__value_equal(&again.row.cells[i], &shown->row.cells[i]));
    }
    assert_int_equal(again.pending, shown->pending);
    assert_int_equal(rove__store_leave(r.store, ROVE_CANCELLED, NULL), ROVE_CANCELLED);
}

static void both_versions_of_a_row_are_known(void **state) {
    (void)state;
    const rove__entity *account = replica_entity(&r, "Account");
    const int64_t before[] = {1, 2};
    const int64_t after[] = {2, 3};
    const int64_t later[] = {2, 3, 4};
    rove__stored shown;
    rove__stored under;
    int live = 0;

    rove__row row = replica_row(&r, "Account", 0);
    replica_set_text(&row, "name", "Bakery");
    replica_set_int(&row, "points", 10);
    replica_set(&row, "tag_ids", replica_set_of(&r, before, 2));
    rove_id id = replica_insert(&r, &row);
    read_both(id, &shown, &under, &live);
    assert_false(live); /* headquarters has not seen it */
    replica_settle(&r, "account");

    row = replica_row(&r, "Account", id);
    replica_set_text(&row, "name", "Changed");
    replica_set_int(&row, "points", 15);
    replica_set(&row, "tag_ids", replica_set_of(&r, after, 2));
    replica_update(&r, &row);
    read_both(id, &shown, &under, &live);
    rove_value was = shown.row.cells[replica_field(account, "tag_ids")];
    assert_true(live);

    /* A second layer, over a first one that is in flight. */
    replica_ok(&r, rove__store_freeze(r.store, &r.error));
    replica_set_text(&row, "name", "Again");
    replica_set_int(&row, "points", 18);
    replica_set(&row, "tag_ids", replica_set_of(&r, later, 3));
    replica_set_text(&row, "phone", "1");
    replica_update(&r, &row);
    read_both(id, &shown, &under, &live);
    assert_true(live);
    assert_false(rove__value_equal(&was, &shown.row.cells[replica_field(account, "tag_ids")]));
    rove_value *name = &under.row.cells[replica_field(account, "name")];
    assert_memory_equal(name->as.data, "Bakery", name->size);
    assert_int_equal(under.row.cells[replica_field(account, "points")].as.integer, 10);
    assert_int_equal(under.row.cells[replica_field(account, "phone")].type, ROVE_NULL);
    rove__set tags;
    assert_int_equal(rove__set_read(&tags, &under.row.cells[replica_field(account, "tag_ids")],
                                    ROVE_SET_VERSIONED, &r.arena),
                     ROVE_OK);
    assert_int_equal(tags.count, 2);
    assert_int_equal(tags.elements[0].value.as.integer, 1);
}

static void work_touching_one_row_belongs_together(void **state) {
    (void)state;
    rove_id id = replica_account(&r, "A");
    rove__entry first = replica_entry(&r, "Account", id);
    replica_begin(&r);
    rove__row row = replica_row(&r, "Account", id);
    replica_set_text(&row, "phone", "1");
    replica_ok(&r, rove__store_update(r.store, &row, &r.error));
    rove__row other = replica_row(&r, "Account", 0);
    replica_set_text(&other, "name", "B");
    replica_ok(&r, rove__store_insert(r.store, &other, &r.error));
    replica_commit(&r);
    rove__entry a = replica_entry(&r, "Account", id);
    rove__entry b = replica_entry(&r, "Account", other.id);
    assert_int_equal(a.first_tx, first.first_tx);
    assert_int_equal(a.last_tx, b.first_tx); /* by this transaction */
    assert_true(a.last_tx > a.first_tx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(an_entry_has_these_bytes),
        TEST(damaged_bytes_are_found_out),
        TEST(cells_stand_in_order),
        TEST(a_damaged_entry_is_reported_and_the_rest_works),
        TEST(both_versions_of_a_row_are_known),
        TEST(work_touching_one_row_belongs_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
