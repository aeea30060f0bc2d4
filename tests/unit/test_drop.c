/*
 * The drop box: what was put in is there after a crash at any byte, what headquarters took is gone once it has a backup, what it
 * refused is kept and not sent again until somebody gives it up, and nothing that comes meanwhile is lost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "client/drop.h"
#include "heap.h"
#include "posix/posix.h"
#include "rove/drop.h"

#define RECORD_MAX 256

typedef struct world {
    heap h;
    rove_ports ports;
    rove_files real;
    char folder[32];
    char path[64];
    rove__drop_round round;
    rove_error error;
} world;

static int64_t now_ms = INT64_C(1764340000000);

static void read_clock(void *ctx, rove_clock_reading *reading) {
    (void)ctx;
    memset(reading, 0, sizeof *reading);
    reading->wall_ms = now_ms;
}

static int set_up(void **state) {
    world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    w->ports.allocator = heap_allocator(&w->h);
    w->ports.clock.read = read_clock;
    rove_posix_files(&w->ports.files);
    w->real = w->ports.files;
    assert_int_equal(rove_posix_crypto_new(&w->ports.crypto), ROVE_OK);
    (void)snprintf(w->folder, sizeof w->folder, "test_drop.XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    (void)snprintf(w->path, sizeof w->path, "%s/drop.box", w->folder);
    now_ms = INT64_C(1764340000000);
    *state = w;
    return 0;
}

static int tear_down(void **state) {
    world *w = *state;
    char lock[64];

    (void)snprintf(lock, sizeof lock, "%s/drop.lock", w->folder);
    (void)unlink(w->path);
    (void)unlink(lock);
    assert_int_equal(rmdir(w->folder), 0);
    rove_posix_crypto_free(&w->ports.crypto);
    assert_int_equal(w->h.alive, 0);
    free(w);
    return 0;
}

/* Looks like a record, and is one of its kind: `batch` is in the place of the key. */
static rove__bytes record_of(uint8_t bytes[RECORD_MAX], uint8_t kind, uint8_t batch,
                             uint8_t number) {
    memset(bytes, batch, RECORD_MAX);
    bytes[0] = ROVE_SEALED_VERSION;
    bytes[1] = kind;
    memset(bytes + ROVE_SEALED_HEAD_SIZE - 4, 0, 4);
    bytes[ROVE_SEALED_HEAD_SIZE - 1] = number;
    bytes[RECORD_MAX - 1] = number;
    return (rove__bytes){bytes, RECORD_MAX};
}

static rove_status append(world *w, uint8_t kind, uint8_t batch, uint8_t number) {
    uint8_t bytes[RECORD_MAX];
    rove__bytes record = record_of(bytes, kind, batch, number);

    return rove__drop_append(&w->ports, w->folder, record.data, record.size, &w->error);
}

static void must_append(world *w, uint8_t kind, uint8_t batch, uint8_t number) {
    assert_int_equal(append(w, kind, batch, number), ROVE_OK);
}

/* The numbers of what is in it; refused ones in brackets, those that headquarters has with a plus. */
static const char *content(world *w) {
    static char text[4096];
    rove__drop drop;
    rove__drop_entry entry;
    size_t at = 0;
    size_t size = 0;

    text[0] = '\0';
    assert_int_equal(rove__drop_look(&drop, &w->ports, w->folder, &w->error), ROVE_OK);
    while (rove__drop_next(&drop, &at, &entry)) {
        size += (size_t)snprintf(text + size, sizeof text - size,
                                 entry.refused ? "(%d) "
                                 : entry.kept  ? "+%d "
                                               : "%d ",
                                 entry.record.data[entry.record.size - 1]);
        assert_true(size < sizeof text);
    }
    rove__drop_close(&drop);
    return text;
}

static size_t file_size(const world *w) {
    struct stat info;

    return stat(w->path, &info) == 0 ? (size_t)info.st_size : 0;
}

static uint8_t *file_bytes(const world *w, size_t *size) {
    uint8_t *bytes = malloc(1 << 20);

    assert_non_null(bytes);
    assert_int_equal(w->real.read(w->real.ctx, w->path, bytes, 1 << 20, size, NULL), ROVE_OK);
    return bytes;
}

static void put_file(const world *w, const uint8_t *bytes, size_t size) {
    assert_int_equal(w->real.replace(w->real.ctx, w->path, bytes, size, NULL), ROVE_OK);
}

static void what_is_put_in_is_there_in_its_order(void **state) {
    world *w = *state;
    rove__drop drop;
    rove__drop_entry entry;
    size_t at = 0;
    struct stat info;

    assert_string_equal(content(w), "");
    must_append(w, ROVE_SEALED_NOTE, 1, 1);
    now_ms += 5000;
    must_append(w, ROVE_SEALED_RECEIPT, 2, 2);
    assert_string_equal(content(w), "1 2 ");
    assert_int_equal(stat(w->path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(rove__drop_open(&drop, &w->ports, w->folder, &w->error), ROVE_OK);
    assert_int_equal(rove__drop_next(&drop, &at, &entry), 1);
    assert_int_equal(entry.at_ms, INT64_C(1764340000000));
    assert_int_equal(rove__drop_next(&drop, &at, &entry), 1);
    assert_int_equal(entry.at_ms, INT64_C(1764340005000));
    assert_int_equal(drop.notes, 1);
    rove__drop_close(&drop);
    now_ms = -1; /* a clock that was never set */
    must_append(w, ROVE_SEALED_NOTE, 3, 3);
    assert_string_equal(content(w), "1 2 3 ");
}

static void what_is_no_record_is_not_put_in(void **state) {
    world *w = *state;
    static uint8_t large[ROVE_SEALED_MAX + 1] = {ROVE_SEALED_VERSION, ROVE_SEALED_BATCH};
    const uint8_t mark[32] = {ROVE_SEALED_VERSION, 0};

    assert_int_equal(rove__drop_append(&w->ports, w->folder, large, sizeof large, &w->error),
                     ROVE_INVALID);
    assert_int_equal(rove__drop_append(&w->ports, w->folder, large, 1, &w->error), ROVE_INVALID);
    assert_int_equal(rove__drop_append(&w->ports, w->folder, mark, sizeof mark, &w->error),
                     ROVE_INVALID);
    assert_int_equal(file_size(w), 0);
    assert_int_equal(rove__drop_append(&w->ports, w->folder, large, ROVE_SEALED_MAX, &w->error),
                     ROVE_OK);
}

/* The power fails after each byte of an append, with what the disk shows then, and with zeros where it had not written yet. */
static void a_torn_end_is_cut_and_nothing_before_it(void **state) {
    world *w = *state;
    size_t before = 0;
    size_t after = 0;

    must_append(w, ROVE_SEALED_NOTE, 1, 1);
    must_append(w, ROVE_SEALED_NOTE, 2, 2);
    free(file_bytes(w, &before));
    must_append(w, ROVE_SEALED_NOTE, 3, 3);
    uint8_t *bytes = file_bytes(w, &after);
    for (size_t size = before; size <= after; size++) {
        for (int zeros = 0; zeros < 2; zeros++) {
            uint8_t torn[1024] = {0};
            memcpy(torn, bytes, size);
            put_file(w, torn, zeros ? after : size);
            assert_string_equal(content(w), size == after ? "1 2 3 " : "1 2 ");
            /* What is put in next is not behind the torn end. */
            must_append(w, ROVE_SEALED_NOTE, 4, 4);
            assert_string_equal(content(w), size == after ? "1 2 3 4 " : "1 2 4 ");
            assert_int_equal(file_size(w), (size == after ? 4 : 3) * (RECORD_MAX + ROVE_DROP_HEAD));
        }
    }
    free(bytes);
}

/* One byte anywhere: that entry is lost, and no other. */
static void a_damaged_entry_harms_no_other(void **state) {
    world *w = *state;
    size_t size = 0;

    for (uint8_t i = 1; i <= 3; i++) {
        must_append(w, ROVE_SEALED_NOTE, i, i);
    }
    uint8_t *bytes = file_bytes(w, &size);
    for (size_t at = 0; at < size; at++) {
        static const char *const left[] = {"2 3 ", "1 3 ", "1 2 "};
        bytes[at] ^= 0x80;
        put_file(w, bytes, size);
        bytes[at] ^= 0x80;
        assert_string_equal(content(w), left[at / (RECORD_MAX + ROVE_DROP_HEAD)]);
    }
    free(bytes);
    must_append(w, ROVE_SEALED_NOTE, 4, 4);
    assert_string_equal(content(w), "1 2 4 ");
}

static rove_status append_half(void *ctx, const char *path, const void *bytes, size_t size,
                               rove_error *error) {
    world *w = ctx;

    assert_int_equal(w->real.append(w->real.ctx, path, bytes, size / 2, error), ROVE_OK);
    return rove__error_set(error, ROVE_FULL, "no room left");
}

static void a_full_disk_loses_nothing_that_was_there(void **state) {
    world *w = *state;
    rove__drop drop;
    uint8_t bytes[RECORD_MAX];

    must_append(w, ROVE_SEALED_NOTE, 1, 1);
    w->ports.files.append = append_half;
    w->ports.files.ctx = w;
    assert_int_equal(append(w, ROVE_SEALED_NOTE, 2, 2), ROVE_FULL);
    assert_string_equal(content(w), "1 ");
    /* Also for who goes on with it open: it is written anew then. */
    assert_int_equal(rove__drop_open(&drop, &w->ports, w->folder, &w->error), ROVE_OK);
    drop.differs = 0;
    assert_int_equal(rove__drop_put(&drop, record_of(bytes, ROVE_SEALED_NOTE, 3, 3), &w->error),
                     ROVE_FULL);
    assert_int_equal(rove__drop_put(&drop, record_of(bytes, ROVE_SEALED_NOTE, 4, 4), &w->error),
                     ROVE_OK);
    rove__drop_close(&drop);
    w->ports.files = w->real;
    assert_string_equal(content(w), "1 4 ");
}

static void no_more_than_so_much_is_put_in(void **state) {
    world *w = *state;
    static uint8_t large[ROVE_SEALED_MAX] = {ROVE_SEALED_VERSION, ROVE_SEALED_BATCH};
    rove__drop drop;
    rove_status status = ROVE_OK;
    size_t size = 0;

    assert_int_equal(rove__drop_open(&drop, &w->ports, w->folder, &w->error), ROVE_OK);
    while (status == ROVE_OK) {
        size = drop.entries.size;
        status = rove__drop_add(&drop, (rove__bytes){large, sizeof large}, &w->error);
    }
    assert_int_equal(status, ROVE_FULL);
    assert_non_null(strstr(w->error.message, "18 MiB"));
    assert_true(size <= ROVE_DROP_MAX && size > ROVE_DROP_MAX - 2 * ROVE_SEALED_MAX);
    assert_int_equal(drop.entries.size, size);
    assert_int_equal(rove__drop_save(&drop, &w->error), ROVE_OK);
    rove__drop_close(&drop);
    assert_true(file_size(w) <= ROVE_DROP_MAX);
    assert_int_equal(rove__drop_append(&w->ports, w->folder, large, sizeof large, &w->error),
                     ROVE_FULL);
    /* A file that nobody of us made. */
    const size_t too_big = ROVE_DROP_MAX + ROVE_DROP_REFUSED_MAX + ((size_t)1 << 20);
    uint8_t *more = calloc(1, too_big);
    assert_non_null(more);
    put_file(w, more, too_big);
    free(more);
    assert_int_equal(append(w, ROVE_SEALED_NOTE, 1, 1), ROVE_TOO_BIG);
}

static void one_at_a_time_writes(void **state) {
    world *w = *state;
    rove__drop drop;

    assert_int_equal(rove__drop_open(&drop, &w->ports, w->folder, &w->error), ROVE_OK);
    assert_int_equal(append(w, ROVE_SEALED_NOTE, 1, 1), ROVE_BUSY);
    assert_string_equal(content(w), ""); /* whoever looks does not wait */
    rove__drop_close(&drop);
    must_append(w, ROVE_SEALED_NOTE, 1, 1);
}

/* ---- sending ---- */

static size_t body_of(world *w, uint64_t skip, rove__buf *body) {
    rove__drop drop;
    size_t count = 0;

    w->round.now_ms = now_ms;
    assert_int_equal(rove__drop_look(&drop, &w->ports, w->folder, &w->error), ROVE_OK);
    assert_int_equal(rove__drop_body(&drop, &w->round, skip, body, &count), ROVE_OK);
    rove__drop_close(&drop);
    return count;
}

static rove_status settle(world *w, const rove__buf *body, const char *answers) {
    rove__drop drop;
    rove__buf bytes;

    rove__buf_init(&bytes, &w->ports.allocator, 1024);
    for (size_t i = 0; answers[i] != '\0'; i++) {
        rove__buf_byte(&bytes, (uint8_t)(answers[i] - '0'));
    }
    assert_int_equal(rove__drop_open(&drop, &w->ports, w->folder, &w->error), ROVE_OK);
    rove_status status = rove__drop_settle(&drop, &w->round, body, &bytes, &w->error);
    if (status == ROVE_OK) {
        status = rove__drop_save(&drop, &w->error);
    }
    rove__drop_close(&drop);
    rove__buf_free(&bytes);
    return status;
}

static void what_is_taken_leaves_and_the_rest_stays(void **state) {
    world *w = *state;
    rove__buf body;
    rove__drop drop;

    rove__buf_init(&body, &w->ports.allocator, ROVE_DROP_BODY_MAX);
    for (uint8_t i = 1; i <= 4; i++) {
        must_append(w, ROVE_SEALED_NOTE, i, i);
    }
    assert_int_equal(body_of(w, 0, &body), 4);
    assert_int_equal(body.size, 4 * (4 + RECORD_MAX));
    must_append(w, ROVE_SEALED_NOTE, 5, 5); /* meanwhile */
    assert_int_equal(settle(w, &body, "1231"), ROVE_OK);
    assert_string_equal(content(w), "2 (3) 5 ");
    /* What is refused is not sent again, and what waits comes after what was sent already. */
    assert_int_equal(body_of(w, 0, &body), 2);
    assert_int_equal(body_of(w, 1, &body), 1);
    assert_int_equal(body.data[body.size - 1], 5);
    assert_int_equal(body_of(w, 2, &body), 0);
    /* The same answer once more, to a body of which some are gone: nothing of it is there. */
    assert_int_equal(body_of(w, 0, &body), 2);
    assert_int_equal(settle(w, &body, "11"), ROVE_OK);
    assert_int_equal(settle(w, &body, "11"), ROVE_OK);
    assert_string_equal(content(w), "(3) ");
    /* Notes are counted on, over all that left. */
    assert_int_equal(rove__drop_open(&drop, &w->ports, w->folder, &w->error), ROVE_OK);
    assert_int_equal(drop.notes, 5);
    rove__drop_close(&drop);
    rove__buf_free(&body);
}

static void what_somebody_else_settled_is_passed_over(void **state) {
    world *w = *state;
    rove__buf first;
    rove__buf second;

    rove__buf_init(&first, &w->ports.allocator, ROVE_DROP_BODY_MAX);
    rove__buf_init(&second, &w->ports.allocator, ROVE_DROP_BODY_MAX);
    for (uint8_t i = 1; i <= 4; i++) {
        must_append(w, ROVE_SEALED_NOTE, i, i);
    }
    assert_int_equal(body_of(w, 0, &first), 4);
    assert_int_equal(body_of(w, 0, &second), 4);
    assert_int_equal(settle(w, &first, "2122"), ROVE_OK);
    assert_int_equal(settle(w, &second, "1121"), ROVE_OK);
    assert_string_equal(content(w), "3 ");
    rove__buf_free(&first);
    rove__buf_free(&second);
}

/* A note and a receipt, all taken: what is left is how many notes there were; without notes, nothing. */
static void an_empty_drop_box_is_no_file(void **state) {
    world *w = *state;
    rove__buf body;

    rove__buf_init(&body, &w->ports.allocator, ROVE_DROP_BODY_MAX);
    must_append(w, ROVE_SEALED_RECEIPT, 1, 1);
    assert_int_equal(body_of(w, 0, &body), 1);
    assert_int_equal(settle(w, &body, "1"), ROVE_OK);
    assert_int_equal(access(w->path, F_OK), -1);
    must_append(w, ROVE_SEALED_NOTE, 2, 2);
    assert_int_equal(body_of(w, 0, &body), 1);
    assert_int_equal(settle(w, &body, "1"), ROVE_OK);
    assert_true(file_size(w) > 0 && file_size(w) < 64);
    assert_string_equal(content(w), "");
    rove__buf_free(&body);
}

static void hostile_answers_change_nothing(void **state) {
    static const char *const wrong[] = {"", "1", "11", "1111", "111111111", "110", "115", "1:1"};
    world *w = *state;
    rove__buf body;

    rove__buf_init(&body, &w->ports.allocator, ROVE_DROP_BODY_MAX);
    for (uint8_t i = 1; i <= 3; i++) {
        must_append(w, ROVE_SEALED_NOTE, i, i);
    }
    assert_int_equal(body_of(w, 0, &body), 3);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(settle(w, &body, wrong[i]), ROVE_PROTOCOL);
        assert_string_equal(content(w), "1 2 3 ");
    }
    rove__buf_free(&body);
}

static void a_request_has_its_limits_and_does_not_divide_a_batch(void **state) {
    world *w = *state;
    rove__drop drop;
    rove__buf body;
    uint8_t bytes[RECORD_MAX];
    size_t count = 0;

    rove__buf_init(&body, &w->ports.allocator, ROVE_DROP_BODY_MAX);
    assert_int_equal(rove__drop_open(&drop, &w->ports, w->folder, &w->error), ROVE_OK);
    /* A batch of 250 frames, one of 10, which the 256th would divide, and one of 300, which has to be. */
    for (int i = 0; i < 560; i++) {
        uint8_t batch = i < 250 ? 1 : i < 260 ? 2 : 3;
        assert_int_equal(rove__drop_add(&drop,
                                        record_of(bytes, ROVE_SEALED_BATCH, batch, (uint8_t)i),
                                        &w->error),
                         ROVE_OK);
    }
    assert_int_equal(rove__drop_body(&drop, &w->round, 0, &body, &count), ROVE_OK);
    assert_int_equal(count, 250);
    assert_int_equal(body.size, 250 * (4 + RECORD_MAX));
    assert_int_equal(rove__drop_body(&drop, &w->round, 250, &body, &count), ROVE_OK);
    assert_int_equal(count, 10);
    assert_int_equal(rove__drop_body(&drop, &w->round, 260, &body, &count), ROVE_OK);
    assert_int_equal(count, ROVE_DROP_SEND_MAX);
    rove__drop_close(&drop);

    static uint8_t large[ROVE_SEALED_MAX] = {ROVE_SEALED_VERSION, ROVE_SEALED_NOTE};
    assert_int_equal(rove__drop_open(&drop, &w->ports, w->folder, &w->error), ROVE_OK);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(rove__drop_add(&drop, (rove__bytes){large, sizeof large}, &w->error),
                         ROVE_OK);
    }
    assert_int_equal(rove__drop_body(&drop, &w->round, 0, &body, &count), ROVE_OK);
    assert_int_equal(count, 4);
    assert_true(body.size <= ROVE_DROP_BODY_MAX);
    rove__drop_close(&drop);
    rove__buf_free(&body);
}

/* As many as headquarters opens: the frames of a batch count once, and what stands alone each. */
static void a_request_has_no_more_than_headquarters_opens(void **state) {
    world *w = *state;
    rove__drop drop;
    rove__buf body;
    uint8_t bytes[RECORD_MAX];
    size_t count = 0;

    rove__buf_init(&body, &w->ports.allocator, ROVE_DROP_BODY_MAX);
    assert_int_equal(rove__drop_open(&drop, &w->ports, w->folder, &w->error), ROVE_OK);
    for (unsigned i = 0; i < ROVE_DROP_EXCHANGES_MAX + 11; i++) {
        uint8_t kind = i < 10 ? ROVE_SEALED_BATCH : ROVE_SEALED_NOTE;
        assert_int_equal(rove__drop_add(&drop, record_of(bytes, kind, 1, (uint8_t)i), &w->error),
                         ROVE_OK);
    }
    assert_int_equal(rove__drop_body(&drop, &w->round, 0, &body, &count), ROVE_OK);
    assert_int_equal(count, 10 + ROVE_DROP_EXCHANGES_MAX - 1);
    assert_int_equal(rove__drop_body(&drop, &w->round, count, &body, &count), ROVE_OK);
    assert_int_equal(count, 2);
    rove__drop_close(&drop);
    rove__buf_free(&body);
}

/* ---- until there is a backup ---- */

static void what_headquarters_has_stays_until_there_is_a_backup(void **state) {
    world *w = *state;
    rove__buf body;
    rove__drop drop;

    rove__buf_init(&body, &w->ports.allocator, ROVE_DROP_BODY_MAX);
    must_append(w, ROVE_SEALED_NOTE, 1, 1);
    must_append(w, ROVE_SEALED_NOTE, 2, 2);
    assert_int_equal(body_of(w, 0, &body), 2);
    assert_int_equal(settle(w, &body, "42"), ROVE_OK);
    assert_string_equal(content(w), "+1 2 ");
    /* Not again in the same round, nor soon; then it is, and at once if all is sent, or if the clock was set back. */
    w->round.all = 1;
    assert_int_equal(body_of(w, 0, &body), 1);
    assert_int_equal(body.data[body.size - 1], 2);
    w->round.all = 0;
    now_ms += ROVE_DROP_AGAIN_MS - 1;
    assert_int_equal(body_of(w, 0, &body), 1);
    assert_int_equal(body_of(w, 1, &body), 0);
    w->round.all = 1;
    assert_int_equal(body_of(w, 0, &body), 2);
    w->round.all = 0;
    now_ms -= ROVE_DROP_AGAIN_MS;
    assert_int_equal(body_of(w, 0, &body), 2);
    now_ms += ROVE_DROP_AGAIN_MS + 1;
    assert_int_equal(body_of(w, 0, &body), 2);
    /* A headquarters that was restored may not have it any more, and cannot take it now: it waits. */
    assert_int_equal(settle(w, &body, "24"), ROVE_OK);
    assert_string_equal(content(w), "1 +2 ");
    w->round.all = 1;
    now_ms++;
    assert_int_equal(body_of(w, 0, &body), 2);
    assert_int_equal(settle(w, &body, "11"), ROVE_OK);
    assert_string_equal(content(w), "");
    assert_int_equal(rove__drop_open(&drop, &w->ports, w->folder, &w->error), ROVE_OK);
    assert_int_equal(drop.notes, 2);
    rove__drop_close(&drop);
    rove__buf_free(&body);
}

static uint8_t large[ROVE_SEALED_MAX];

/* Frames as large as they come, each of another batch than the one before it or not. */
static rove_status add_large(world *w, rove__drop *drop, uint8_t batch) {
    static uint32_t number = 0;
    memset(large, batch, sizeof large);
    (void)rove__u32_put(large + sizeof large - 4, ++number);
    large[0] = ROVE_SEALED_VERSION;
    large[1] = ROVE_SEALED_BATCH;
    return rove__drop_add(drop, (rove__bytes){large, sizeof large}, &w->error);
}

/* Everything in it is answered so. */
static void answer_all(world *w, rove__drop *drop, uint8_t answer) {
    rove__buf body;
    rove__buf answers;
    size_t count = 1;

    rove__buf_init(&body, &w->ports.allocator, ROVE_DROP_BODY_MAX);
    rove__buf_init(&answers, &w->ports.allocator, 1024);
    now_ms++;
    w->round = (rove__drop_round){now_ms, 1};
    while (count > 0) {
        assert_int_equal(rove__drop_body(drop, &w->round, 0, &body, &count), ROVE_OK);
        rove__buf_reset(&answers);
        for (size_t i = 0; i < count; i++) {
            rove__buf_byte(&answers, answer);
        }
        if (count > 0) {
            assert_int_equal(rove__drop_settle(drop, &w->round, &body, &answers, &w->error),
                             ROVE_OK);
        }
    }
    rove__buf_free(&body);
    rove__buf_free(&answers);
}

typedef struct counted {
    size_t waiting, kept, refused, of_first;
} counted;

static counted count_all(const rove__drop *drop) {
    counted found = {0, 0, 0, 0};
    rove__drop_entry entry;

    for (size_t at = 0; rove__drop_next(drop, &at, &entry);) {
        found.waiting += (size_t)(!entry.kept && !entry.refused);
        found.kept += (size_t)entry.kept;
        found.refused += (size_t)entry.refused;
        found.of_first += entry.record.data[2] == 1;
    }
    return found;
}

static void what_headquarters_has_makes_room_for_what_it_has_not(void **state) {
    world *w = *state;
    rove__drop drop;
    size_t fits = 0;

    assert_int_equal(rove__drop_open(&drop, &w->ports, w->folder, &w->error), ROVE_OK);
    /* A batch of three, a note, and others until it is full. */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(add_large(w, &drop, 1), ROVE_OK);
    }
    uint8_t bytes[RECORD_MAX];
    assert_int_equal(rove__drop_add(&drop, record_of(bytes, ROVE_SEALED_NOTE, 2, 2), &w->error),
                     ROVE_OK);
    for (fits = 3; add_large(w, &drop, (uint8_t)(3 + fits % 2)) == ROVE_OK;) {
        fits++;
    }
    assert_int_equal(count_all(&drop).waiting, fits + 1);
    answer_all(w, &drop, ROVE_DROP_KEPT);
    assert_int_equal(count_all(&drop).kept, fits + 1);
    /* One more: the oldest batch goes as a whole, and no more than that. */
    assert_int_equal(add_large(w, &drop, 200), ROVE_OK);
    assert_int_equal(count_all(&drop).waiting, 1);
    assert_int_equal(count_all(&drop).of_first, 0);
    assert_int_equal(count_all(&drop).kept, fits + 1 - 3);
    /* In the end all that headquarters has made room; notes that went so are counted on. */
    while (add_large(w, &drop, 201) == ROVE_OK) {
    }
    assert_int_equal(count_all(&drop).kept, 0);
    assert_int_equal(count_all(&drop).waiting, fits);
    assert_int_equal(drop.notes, 1);
    assert_int_equal(rove__drop_put(&drop, (rove__bytes){large, sizeof large}, &w->error),
                     ROVE_FULL);
    assert_int_equal(rove__drop_save(&drop, &w->error), ROVE_OK);
    rove__drop_close(&drop);
    assert_int_equal(rove__drop_open(&drop, &w->ports, w->folder, &w->error), ROVE_OK);
    assert_int_equal(drop.notes, 1);
    assert_int_equal(count_all(&drop).waiting, fits);
    rove__drop_close(&drop);
}

/* A batch of which headquarters has but one frame is not one that it has. */
static void a_part_of_a_batch_makes_no_room(void **state) {
    world *w = *state;
    rove__drop drop;
    rove__buf body;

    rove__buf_init(&body, &w->ports.allocator, ROVE_DROP_BODY_MAX);
    must_append(w, ROVE_SEALED_BATCH, 1, 1);
    must_append(w, ROVE_SEALED_BATCH, 1, 2);
    must_append(w, ROVE_SEALED_BATCH, 3, 3);
    assert_int_equal(body_of(w, 0, &body), 3);
    assert_int_equal(settle(w, &body, "244"), ROVE_OK);
    rove__buf_free(&body);
    assert_int_equal(rove__drop_open(&drop, &w->ports, w->folder, &w->error), ROVE_OK);
    while (add_large(w, &drop, 201) == ROVE_OK) {
    }
    uint8_t bytes[RECORD_MAX];
    while (rove__drop_add(&drop, record_of(bytes, ROVE_SEALED_NOTE, 4, 4), &w->error) == ROVE_OK) {
    }
    assert_int_equal(rove__drop_put(&drop, (rove__bytes){large, sizeof large}, &w->error),
                     ROVE_FULL);
    assert_int_equal(count_all(&drop).kept, 1);
    assert_int_equal(count_all(&drop).of_first, 2);
    rove__drop_close(&drop);
}

/* ---- what was refused ---- */

static void what_was_refused_is_not_in_the_way(void **state) {
    world *w = *state;
    rove__drop drop;
    uint64_t gone = 0;
    size_t fits = 0;
    const size_t aside = ROVE_DROP_REFUSED_MAX / (ROVE_SEALED_MAX + ROVE_DROP_HEAD);

    assert_int_equal(rove__drop_open(&drop, &w->ports, w->folder, &w->error), ROVE_OK);
    for (size_t i = 0; i < aside; i++) {
        assert_int_equal(add_large(w, &drop, 1), ROVE_OK);
    }
    answer_all(w, &drop, ROVE_DROP_REFUSED);
    assert_int_equal(count_all(&drop).refused, aside);
    while (add_large(w, &drop, 2) == ROVE_OK) {
        fits++;
    }
    assert_true((fits + 1) * (ROVE_SEALED_MAX + ROVE_DROP_HEAD) + 100 > ROVE_DROP_MAX);
    /* More than that counts, and stays all the same. */
    answer_all(w, &drop, ROVE_DROP_REFUSED);
    assert_int_equal(count_all(&drop).refused, aside + fits);
    assert_int_equal(add_large(w, &drop, 3), ROVE_FULL);
    assert_non_null(strstr(w->error.message, "give up"));
    assert_int_equal(rove__drop_save(&drop, &w->error), ROVE_OK);
    rove__drop_close(&drop);
    assert_int_equal(rove__drop_open(&drop, &w->ports, w->folder, &w->error), ROVE_OK);
    assert_int_equal(count_all(&drop).refused, aside + fits);
    /* Given up it is gone, and nothing else is. */
    assert_int_equal(rove__drop_discard(&drop, &gone, &w->error), ROVE_OK);
    assert_int_equal(gone, aside + fits);
    assert_int_equal(add_large(w, &drop, 3), ROVE_OK);
    assert_int_equal(rove__drop_discard(&drop, &gone, &w->error), ROVE_OK);
    assert_int_equal(gone, 0);
    assert_int_equal(count_all(&drop).waiting, 1);
    rove__drop_close(&drop);
}

/* A listing's counts, by standing; the last item. */
typedef struct listed {
    size_t of[3];
    rove_drop_item last;
    size_t stop_at;
} listed;

static rove_status each_item(void *ctx, const rove_drop_item *item) {
    listed *self = ctx;

    self->of[item->standing]++;
    self->last = *item;
    return --self->stop_at == 0 ? ROVE_DONE : ROVE_OK;
}

static void the_rep_sees_them_and_gives_them_up(void **state) {
    world *w = *state;
    rove__buf body;
    uint64_t gone = 0;
    listed list = {.stop_at = 9};

    rove__buf_init(&body, &w->ports.allocator, ROVE_DROP_BODY_MAX);
    for (uint8_t i = 1; i <= 4; i++) {
        must_append(w, i == 4 ? ROVE_SEALED_RECEIPT : ROVE_SEALED_NOTE, i, i);
    }
    assert_int_equal(body_of(w, 0, &body), 4);
    assert_int_equal(settle(w, &body, "2343"), ROVE_OK);
    rove__buf_free(&body);
    assert_int_equal(rove_drop_list(&w->ports, w->folder, each_item, &list, &w->error), ROVE_OK);
    assert_int_equal(list.of[ROVE_DROP_WAITS], 1);
    assert_int_equal(list.of[ROVE_DROP_IS_KEPT], 1);
    assert_int_equal(list.of[ROVE_DROP_IS_REFUSED], 2);
    assert_int_equal(list.last.kind, ROVE_DROP_RECEIPT);
    assert_int_equal(list.last.bytes, RECORD_MAX);
    assert_int_equal(list.last.at_ms, now_ms);
    list = (listed){.stop_at = 2};
    assert_int_equal(rove_drop_list(&w->ports, w->folder, each_item, &list, &w->error), ROVE_DONE);
    assert_int_equal(list.last.standing, ROVE_DROP_IS_REFUSED);
    assert_int_equal(rove_drop_discard(&w->ports, w->folder, &gone, &w->error), ROVE_OK);
    assert_int_equal(gone, 2);
    assert_string_equal(content(w), "1 +3 ");
    assert_int_equal(rove_drop_discard(&w->ports, w->folder, NULL, &w->error), ROVE_OK);
    assert_int_equal(rove_drop_discard(&w->ports, w->folder, &gone, &w->error), ROVE_OK);
    assert_int_equal(gone, 0);
    assert_int_equal(rove_drop_discard(NULL, w->folder, &gone, &w->error), ROVE_INVALID);
    assert_int_equal(rove_drop_list(&w->ports, w->folder, NULL, NULL, &w->error), ROVE_INVALID);
}

/* The n-th allocation fails, for every n: the file is as it was, or has the record. */
static void without_memory_nothing_is_lost(void **state) {
    world *w = *state;
    rove_status status = ROVE_NOMEM;

    must_append(w, ROVE_SEALED_NOTE, 1, 1);
    for (size_t n = 1; status == ROVE_NOMEM; n++) {
        w->h.fail_at = w->h.calls + n;
        status = append(w, ROVE_SEALED_NOTE, 2, 2);
        w->h.fail_at = 0;
        assert_string_equal(content(w), status == ROVE_OK ? "1 2 " : "1 ");
        assert_true(n < 50);
    }
    assert_int_equal(status, ROVE_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_is_put_in_is_there_in_its_order),
        TEST(what_is_no_record_is_not_put_in),
        TEST(a_torn_end_is_cut_and_nothing_before_it),
        TEST(a_damaged_entry_harms_no_other),
        TEST(a_full_disk_loses_nothing_that_was_there),
        TEST(no_more_than_so_much_is_put_in),
        TEST(one_at_a_time_writes),
        TEST(what_is_taken_leaves_and_the_rest_stays),
        TEST(what_somebody_else_settled_is_passed_over),
        TEST(an_empty_drop_box_is_no_file),
        TEST(hostile_answers_change_nothing),
        TEST(a_request_has_its_limits_and_does_not_divide_a_batch),
        TEST(a_request_has_no_more_than_headquarters_opens),
        TEST(what_headquarters_has_stays_until_there_is_a_backup),
        TEST(what_headquarters_has_makes_room_for_what_it_has_not),
        TEST(a_part_of_a_batch_makes_no_room),
        TEST(what_was_refused_is_not_in_the_way),
        TEST(the_rep_sees_them_and_gives_them_up),
        TEST(without_memory_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
