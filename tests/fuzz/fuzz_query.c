/*
 * fuzz_query.c - whatever SQL an app hands to rove_query_new, it reads or is refused: nothing is written, nothing is
 * attached, and the next query sees what was there before.
 *
 *   input = kind:byte bytes       0: SQL; else: one word of a list for each byte
 */
#include "replicas.h"

#include "store/read.h"

#define STEPS_MAX 40 /* of a query; and so many thousand instructions of SQLite's machine */

const size_t fuzz_mutations = 4000;

static const char *const words[] = {"SELECT ",
                                    "* ",
                                    "FROM ",
                                    "account ",
                                    "_outbox ",
                                    "_meta ",
                                    "WHERE ",
                                    "name ",
                                    "= ",
                                    "'a' ",
                                    "1 ",
                                    "( ",
                                    ") ",
                                    ", ",
                                    "count(*) ",
                                    "JOIN ",
                                    "visit ",
                                    "ON ",
                                    "id ",
                                    "account_id ",
                                    "ORDER BY ",
                                    "LIMIT ",
                                    "UNION ALL ",
                                    "WITH RECURSIVE ",
                                    "t(x) AS ",
                                    "VALUES ",
                                    "EXPLAIN ",
                                    "INSERT INTO ",
                                    "UPDATE ",
                                    "SET ",
                                    "DELETE FROM ",
                                    "ATTACH ",
                                    "DETACH ",
                                    "PRAGMA ",
                                    "journal_mode ",
                                    "BEGIN ",
                                    "COMMIT ",
                                    "; ",
                                    "CREATE TEMP ",
                                    "TABLE ",
                                    "VIEW ",
                                    "x ",
                                    "AS ",
                                    "pragma_table_info ",
                                    "sqlite_schema ",
                                    "load_extension",
                                    "rove_normalised ",
                                    "'file' ",
                                    "NULL ",
                                    "-- ",
                                    "/* ",
                                    "*/ ",
                                    "CASE ",
                                    "END ",
                                    "t ",
                                    "RETURNING ",
                                    "VACUUM ",
                                    "INTO ",
                                    "REINDEX ",
                                    "?1 ",
                                    ":a ",
                                    "x'00' ",
                                    "json_each ",
                                    "dbstat ",
                                    "writable_schema "};

static phone p;
static rove__reader_connection *reader;

static int tired(void *budget) {
    return --*(int *)budget < 0;
}

static void open_once(void) {
    char folder[60];

    snprintf(folder, sizeof folder, "%s/q", scratch_home());
    phone_start(&p, folder);
    for (int i = 0; i < 3; i++) {
        (void)phone_account(&p, "Ajax");
    }
    phone_ok(&p, rove__reader_open(p.replica->store, &reader, &p.error));
}

static void take(const char *sql) {
    rove__query *query = NULL;
    int budget = STEPS_MAX;
    rove_error error;

    sqlite3_limit(reader->db, SQLITE_LIMIT_LENGTH, 1 << 20);
    sqlite3_progress_handler(reader->db, 1000, tired, &budget);
    rove_status status = rove__query_new(reader, sql, NULL, 0, &query, &error);
    fuzz_check(status == ROVE_OK || query == NULL);
    for (int i = 0; i < STEPS_MAX && status == ROVE_OK; i++) {
        status = rove__query_step(query, &error);
        for (size_t c = 0; c < rove__query_columns(query) && status == ROVE_OK; c++) {
            rove_value value = rove__query_value(query, c);
            fuzz_check(value.type <= ROVE_BLOB && rove__query_name(query, c) != NULL);
        }
    }
    rove__query_free(query);
    fuzz_check(status != ROVE_NOMEM && status != ROVE_CORRUPT);
    fuzz_check(sqlite3_total_changes(reader->db) == 0);
    fuzz_check(sqlite3_get_autocommit(reader->db));
    sqlite3_progress_handler(reader->db, 0, NULL, NULL);
}

static void is_as_before(void) {
    static const char *const counts =
        "SELECT (SELECT count(*) FROM account), (SELECT count(*) FROM "
        "_outbox), (SELECT count(*) FROM sqlite_schema)";
    static int64_t tables;
    rove__query *query = NULL;

    phone_ok(&p, rove__query_new(reader, counts, NULL, 0, &query, &p.error));
    phone_ok(&p, rove__query_step(query, &p.error));
    fuzz_check(rove__query_value(query, 0).as.integer == 3);
    fuzz_check(rove__query_value(query, 1).as.integer == 3);
    tables = tables == 0 ? rove__query_value(query, 2).as.integer : tables;
    fuzz_check(rove__query_value(query, 2).as.integer == tables);
    rove__query_free(query);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char sql[16384];
    size_t at = 0;

    if (reader == NULL) {
        open_once();
    }
    for (size_t i = 1; i < size && at + 32 < sizeof sql; i++) {
        if (data[0] == 0) {
            sql[at++] = (char)data[i];
        } else {
            const char *word = words[data[i] % (sizeof words / sizeof *words)];
            memcpy(sql + at, word, strlen(word));
            at += strlen(word);
        }
    }
    sql[at] = '\0';
    take(sql);
    is_as_before();
    return 0;
}

/* ---- seeds ---- */

void fuzz_seeds(const fuzz_seed *to) {
    static const char *const queries[] = {
        "SELECT a.name, count(v.id) FROM account a LEFT JOIN visit v ON v.account_id = a.id GROUP "
        "BY a.id",
        "WITH RECURSIVE t(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM t) SELECT max(x) FROM t",
        "SELECT rove_normalised(1, '+49 (30) 123') FROM account WHERE name LIKE 'A%' ORDER BY id "
        "DESC",
        "EXPLAIN QUERY PLAN SELECT * FROM _outbox",
        "DELETE FROM account RETURNING id",
        "SELECT load_extension('x')",
        "SELECT hex(zeroblob(100000)), printf('%.9999d', 1), group_concat(name) OVER () FROM "
        "account",
        "ATTACH 'file' AS x",
        "SELECT 1; DROP TABLE account"};

    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        fuzz_give_kind(to, 0, queries[i], strlen(queries[i]));
    }
    for (uint64_t state = 1; state < 20; state++) {
        static uint8_t text[24];
        uint64_t seed = state;
        for (size_t i = 0; i < sizeof text; i++) {
            text[i] = (uint8_t)(dice(&seed) % (i == 0 ? 1 : 64));
        }
        fuzz_give_kind(to, 1, text, sizeof text);
    }
}
