/*
 * The replica's tables: made from the registry, widened when it grows, typed strictly.
 */
#include "replica.h"

static replica r;

static int setup(void **state) {
    (void)state;
    replica_start(&r, "schema");
    return 0;
}

static int teardown(void **state) {
    (void)state;
    replica_end(&r);
    return 0;
}

static int64_t count_where(const char *format, const char *name) {
    char sql[300];
    snprintf(sql, sizeof sql, format, name);
    return replica_sql(&r, sql);
}

static void every_entity_has_a_strict_table(void **state) {
    (void)state;
    const rove__registry *registry = rove__store_registry(r.store);

    for (size_t i = 0; i < rove__registry_count(registry); i++) {
        const rove__entity *entity = rove__registry_at(registry, i);
        assert_int_equal(count_where("SELECT count(*) FROM pragma_table_list WHERE name = '%s'"
                                     " AND strict = 1",
                                     entity->table),
                         1);
        /* id, the fields, _clock, _pending, _unknown */
        assert_int_equal(count_where("SELECT count(*) FROM pragma_table_info('%s')", entity->table),
                         (int64_t)entity->field_count + 4);
    }
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM pragma_table_list WHERE schema = 'main'"
                                     " AND name NOT LIKE 'sqlite_%' AND type = 'table'"
                                     " AND strict = 0"),
                     0);
}

static void every_scope_is_found_by_an_index(void **state) {
    (void)state;
    const rove__registry *registry = rove__store_registry(r.store);

    for (size_t i = 0; i < rove__registry_count(registry); i++) {
        const rove__entity *entity = rove__registry_at(registry, i);
        char sql[300];
        if (entity->scope_field < 0) {
            continue;
        }
        snprintf(sql, sizeof sql,
                 "SELECT count(*) FROM pragma_index_list('%s') AS l, pragma_index_info(l.name) AS c"
                 " WHERE c.seqno = 0 AND c.name = '%s'",
                 entity->table, entity->fields[entity->scope_field].name);
        assert_true(replica_sql(&r, sql) >= 1);
    }
    /* The account page's list is one range of one index. */
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM pragma_index_list('visit')"), 1);
}

static void every_set_has_its_own_table(void **state) {
    (void)state;
    const rove__registry *registry = rove__store_registry(r.store);

    for (size_t i = 0; i < rove__registry_count(registry); i++) {
        const rove__entity *entity = rove__registry_at(registry, i);
        for (size_t f = 0; f < entity->field_count; f++) {
            char name[2 * ROVE_NAME_MAX + 2];
            snprintf(name, sizeof name, "%s_%s", entity->table, entity->fields[f].name);
            assert_int_equal(
                count_where("SELECT count(*) FROM pragma_table_list WHERE name = '%s'", name),
                entity->fields[f].kind == ROVE_KIND_SET);
        }
    }
}

static void columns_that_a_build_adds_appear(void **state) {
    (void)state;
    rove_id id = replica_account(&r, "Bakery");
    /* As if an older build had made the table. */
    assert_int_equal(sqlite3_exec(r.store->db,
                                  "ALTER TABLE account DROP COLUMN year_started;"
                                  "ALTER TABLE _transfer DROP COLUMN buckets;"
                                  "UPDATE _meta SET value = value + 1 WHERE key = 'layout';"
                                  "DROP TABLE visit;",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    replica_reopen(&r);
    replica_expect_null(&r, "Account", id, "year_started");
    rove__row row = replica_row(&r, "Account", id);
    replica_set_int(&row, "year_started", 1987);
    replica_update(&r, &row);
    replica_expect_int(&r, "Account", id, "year_started", 1987);
    replica_expect_text(&r, "Account", id, "name", "Bakery");
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM visit"), 0);
    assert_int_equal(replica_sql(&r, "SELECT count(buckets) FROM _transfer"), 0);
}

static void custom_fields_become_columns(void **state) {
    (void)state;
    const rove__entity *account = replica_entity(&r, "Account");
    rove__custom custom = {.entity = account->number,
                           .number = 1000,
                           .name = "shelf_metres",
                           .type = ROVE_REAL,
                           .min = INT64_MIN,
                           .max = INT64_MAX};
    rove_id id = replica_account(&r, "Bakery");

    replica_ok(&r, rove__registry_add_custom(r.store->registry, &custom, &r.error));
    replica_ok(&r, rove__schema_widen(r.store->db, account, &r.allocator, &r.error));
    replica_ok(&r, rove__schema_widen(r.store->db, account, &r.allocator, &r.error));
    rove__store_finalize(r.store);
    rove__row row = replica_row(&r, "Account", id);
    replica_set(&row, "shelf_metres", rove__value_real(2.5));
    replica_update(&r, &row);
    rove_value value = replica_cell(&r, "Account", id, "shelf_metres");
    assert_int_equal(value.type, ROVE_REAL);
    assert_true(value.as.real == 2.5);
}

static void opening_again_changes_nothing(void **state) {
    (void)state;
    int64_t version = replica_sql(&r, "PRAGMA schema_version");
    replica_reopen(&r);
    assert_int_equal(replica_sql(&r, "PRAGMA schema_version"), version);
    assert_int_equal(replica_sql(&r, "SELECT count(*) FROM pragma_integrity_check"
                                     " WHERE integrity_check = 'ok'"),
                     1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(every_entity_has_a_strict_table), TEST(every_scope_is_found_by_an_index),
        TEST(every_set_has_its_own_table),     TEST(columns_that_a_build_adds_appear),
        TEST(custom_fields_become_columns),    TEST(opening_again_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
