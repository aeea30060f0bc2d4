/*
 * A job of a group that is undone after it had outgrown SQLite's cache: what is told to be committed beside it is in the log, also
 * for who finds the files as a killed process leaves them. SQLite before 3.50.2 forgets the checksums of such a commit.
 */
#include "bed.h"
#include "jobs.h"

#include <stdio.h>

#define ROWS 500
#define TEXT 60000

static void copy_file(const char *from, const char *to, const char *name) {
    char path[2][256];
    char block[65536];
    size_t got = 0;

    rove__text_format(path[0], sizeof path[0], "%s/%s", from, name);
    rove__text_format(path[1], sizeof path[1], "%s/%s", to, name);
    FILE *in = fopen(path[0], "rb");
    FILE *out = fopen(path[1], "wb");
    assert_non_null(in);
    assert_non_null(out);
    while ((got = fread(block, 1, sizeof block, in)) > 0) {
        assert_int_equal(fwrite(block, 1, got, out), got);
    }
    fclose(in);
    fclose(out);
}

/* 30 MB, of which the pages are written twice. */
static void outgrow(bed *b, rove__hq_tx *tx, uint64_t seed) {
    static char text[TEXT];
    uint64_t drawn = seed;

    for (int round = 0; round < 2; round++) {
        for (rove_id id = 1; id <= ROWS; id++) {
            rove__arena_reset(&b->arena);
            memset(text, 'a' + round, sizeof text);
            rove__hq_row row = bed_row(b, "Account", 1000 + (rove_id)(dice(&drawn) % ROWS), 1);
            bed_set(&row, "description", rove__value_bytes(ROVE_TEXT, text, sizeof text));
            bed_put(b, tx, &row);
        }
    }
}

static void what_is_committed_beside_an_undone_job_is_there(void **state) {
    bed *b = *state;
    uint64_t seq = 0;

    ok(job_commit(b, &seq));
    for (uint64_t seed = 1; seed <= 4; seed++) {
        rove__hq_tx *tx = bed_write(b);
        ok(b->store->savepoint(tx, NULL));
        outgrow(b, tx, seed);
        ok(b->store->release(tx, 0, NULL));
        rove_status status = b->store->savepoint(tx, NULL);
        if (status == ROVE_OK) {
            ok(job(b, tx, &b->arena));
            ok(b->store->release(tx, 1, NULL));
        }
        bed_forget(b, tx);
        rove_status committed = b->store->commit(tx, NULL);
        assert_true(committed == ROVE_OK || committed == ROVE_LATER);
        seq += committed == ROVE_OK;
        ok(job_commit(b, &seq)); /* and it goes on */

        bed *killed = bed_new();
        copy_file(b->folder, killed->folder, "hq.db");
        copy_file(b->folder, killed->folder, "hq.db-wal");
        ok(bed_try_open(killed, NULL));
        assert_int_equal(check_store(killed, seq), 0);
        bed_free(killed);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        bed_test(what_is_committed_beside_an_undone_job_is_there),
    };

    bed_kind = &stores[0];
    return cmocka_run_group_tests_name("sqlite: undone jobs", tests, NULL, NULL);
}
