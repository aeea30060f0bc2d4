/*
 * test_device.c - the device's end of an exchange, fed by hand: in any portions, and with answers that no headquarters
 * would give. Whatever comes, pending work stays, and the next honest answer is taken.
 */
#include "phone.h"
#include "sync/backoff.h"

static phone p;

static int set_up(void **state) {
    (void)state;
    phone_start(&p, "device");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    phone_stop(&p);
    return 0;
}

typedef struct manner {
    size_t capacity; /* of each request call */
    size_t portion;  /* of each answer call */
    size_t flip;     /* byte of the answer to damage, counted from 1; 0: none */
    uint8_t mask;
    size_t cut; /* bytes of the answer that arrive; 0: all */
    const char *trailing;
} manner;

static const manner honest = {.capacity = 65536, .portion = 65536};

static rove_status feed(rove__device *device, const rove__buf *answer, const manner *m) {
    size_t size = m->cut != 0 && m->cut < answer->size ? m->cut : answer->size;
    rove_status status = ROVE_OK;

    for (size_t at = 0; at < size && status == ROVE_OK; at += m->portion) {
        size_t some = size - at < m->portion ? size - at : m->portion;
        uint8_t *copy = malloc(some);
        assert_non_null(copy);
        memcpy(copy, answer->data + at, some);
        if (m->flip > at && m->flip <= at + some) {
            copy[m->flip - 1 - at] ^= m->mask;
        }
        status = rove__device_answer(device, copy, some, &p.error);
        free(copy);
    }
    if (status == ROVE_OK && m->trailing != NULL) {
        status = rove__device_answer(device, m->trailing, strlen(m->trailing), &p.error);
    }
    return status;
}

/* One exchange; *answer_size: how long the answer was. */
static rove_status run(const manner *m, rove__device_outcome *outcome, size_t *answer_size) {
    rove__device_options options = {.app = "test"};
    rove__device *device = NULL;
    uint8_t chunk[65536];
    rove__buf body;
    rove__buf answer;
    size_t size = 1;

    memset(&p.last, 0, sizeof p.last);
    rove__arena_reset(&p.arena);
    rove__buf_init(&body, &p.own, (size_t)64 << 20);
    rove__buf_init(&answer, &p.own, (size_t)64 << 20);
    phone_ok(&p, rove__device_new(&p.replica->store_ports, p.replica->store, &options, &device,
                                  &p.error));
    while (size > 0) {
        phone_ok(&p, rove__device_request(device, chunk, m->capacity, &size, &p.error));
        assert_true(size <= m->capacity);
        rove__buf_append(&body, chunk, size);
    }
    phone_ok(&p, phone_exchange(&p, &body, &answer));
    if (answer_size != NULL) {
        *answer_size = answer.size;
    }
    rove_status status = feed(device, &answer, m);
    status = rove__device_finish(device, status, outcome, &p.error);
    rove__device_free(device);
    rove__buf_free(&body);
    rove__buf_free(&answer);
    return status;
}

static rove_status run_composed(void (*compose)(phone *, rove__frame_writer *, rove__buf *)) {
    rove__device_outcome outcome;

    p.compose = compose;
    rove_status status = run(&honest, &outcome, NULL);
    p.compose = NULL;
    return status;
}

static void assert_recovers(uint64_t pending) {
    rove__device_outcome outcome;

    assert_int_equal(phone_state(&p).pending, pending);
    phone_ok(&p, run(&honest, &outcome, NULL));
    assert_int_equal(phone_state(&p).pending, 0);
}

/* ---- portions ---- */

static void test_request_and_answer_in_any_portions(void **state) {
    static const size_t portions[] = {1, 2, 3, 7, 64, 1000, 65536};
    uint8_t first = 0;
    (void)state;

    for (size_t i = 0; i < sizeof portions / sizeof *portions; i++) {
        manner m = {.capacity = portions[i], .portion = portions[i]};
        rove__device_outcome outcome;
        for (int n = 0; n < 20; n++) {
            (void)phone_account(&p, "some work");
        }
        p.accounts += 30;
        p.page_rows = 7;
        phone_ok(&p, run(&m, &outcome, NULL));
        assert_int_equal(outcome.stats.rows_pushed, 20);
        assert_int_equal(outcome.stats.rows_applied, 30);
        assert_int_equal(outcome.stats.batches, 1);
        assert_false(outcome.again);
        assert_int_equal(phone_state(&p).pending, 0);
        first++;
    }
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM account"), 50 * first);
}

static void test_what_is_sent_again_is_the_same_byte_for_byte(void **state) {
    manner cut = {.capacity = 10, .portion = 10, .cut = 1};
    rove__device_outcome outcome;
    (void)state;

    (void)phone_account(&p, "some work");
    phone_is(&p, run(&cut, &outcome, NULL), ROVE_TRUNCATED);
    rove__chain chain = p.chain;
    (void)phone_account(&p, "more work");
    phone_ok(&p, run(&honest, &outcome, NULL));
    assert_int_equal(outcome.stats.batches, 2);
    assert_int_equal(p.judged, 2);
    /* The desk checks that the second follows from the first as it was sent at first. */
    assert_true(rove__chain_equal(&chain, &p.chains[1]));
    assert_int_equal(phone_state(&p).pending, 0);
}

static void test_an_outcome_says_when_to_come_again(void **state) {
    manner cut = {.capacity = 10, .portion = 10, .cut = 1};
    rove__device_outcome outcome;
    (void)state;

    phone_is(&p, run(&cut, &outcome, NULL), ROVE_TRUNCATED);
    assert_false(outcome.again);
    assert_true(outcome.next_ms >= rove_now_ms(p.replica) + ROVE_BACKOFF_BASE_MS);
    phone_ok(&p, run(&honest, &outcome, NULL));
    assert_true(outcome.next_ms > rove_now_ms(p.replica) + 500000);
}

/* ---- cuts and damage ---- */

static void test_a_cut_at_every_byte(void **state) {
    rove__device_outcome outcome;
    size_t size = 2;
    int account = 0;
    (void)state;

    for (size_t cut = 1; cut < size; cut++) {
        manner m = {.capacity = 65536, .portion = 65536, .cut = cut};
        (void)phone_account(&p, "work");
        account++;
        p.accounts++;
        rove_status status = run(&m, &outcome, &size);
        if (status != ROVE_OK) {
            phone_is(&p, status, ROVE_TRUNCATED);
            phone_ok(&p, run(&honest, &outcome, NULL));
        }
        assert_int_equal(phone_state(&p).pending, 0);
        assert_int_equal(phone_number(&p, "SELECT count(*) FROM account"), 2 * account);
    }
    assert_true(account > 30);
}

/* A flipped bit is noticed or harmless; the next answer brings everything. */
static void test_a_flipped_bit_anywhere(void **state) {
    rove__device_outcome outcome;
    size_t size = 2;
    int account = 0;
    int noticed = 0;
    (void)state;

    for (size_t flip = 1; flip <= size; flip += 2) {
        manner m = {
            .capacity = 65536, .portion = 50, .flip = flip, .mask = (uint8_t)(1u << (flip % 8))};
        (void)phone_account(&p, "work");
        account++;
        p.accounts++;
        noticed += run(&m, &outcome, &size) != ROVE_OK;
        rove_status status = run(&honest, &outcome, NULL);
        if (status != ROVE_OK && status != ROVE_FORK) {
            phone_ok(&p, status);
        }
        rove_state now = phone_state(&p);
        assert_int_equal(phone_number(&p, "SELECT count(*) FROM account WHERE name = 'work'") +
                             (int64_t)now.rejections,
                         account);
    }
    assert_true(noticed > 20);
    uint64_t rows = 0;
    phone_ok(&p, rove_verify(p.replica, &rows, &p.error));
}

static void test_bytes_after_the_end(void **state) {
    manner m = {.capacity = 65536, .portion = 65536, .trailing = "and more"};
    rove__device_outcome outcome;
    (void)state;

    phone_is(&p, run(&m, &outcome, NULL), ROVE_PROTOCOL);
    phone_ok(&p, run(&honest, &outcome, NULL));
}

/* ---- hostile frames ---- */

static void without_welcome(phone *ph, rove__frame_writer *writer, rove__buf *answer) {
    phone_ack(ph, writer, answer, 1, NULL, 0);
    phone_end(ph, writer, answer, 0);
}

static void two_welcomes(phone *ph, rove__frame_writer *writer, rove__buf *answer) {
    phone_welcome(ph, writer, answer);
    phone_welcome(ph, writer, answer);
    phone_end(ph, writer, answer, 0);
}

static void on_after_the_end(phone *ph, rove__frame_writer *writer, rove__buf *answer) {
    phone_welcome(ph, writer, answer);
    phone_end(ph, writer, answer, 0);
    phone_ack(ph, writer, answer, 1, NULL, 0);
}

static void a_device_frame(phone *ph, rove__frame_writer *writer, rove__buf *answer) {
    phone_welcome(ph, writer, answer);
    PHONE_MESSAGE(ph, writer, answer, ROVE_FRAME_HELLO, hello, &ph->last.hello);
    phone_end(ph, writer, answer, 0);
}

static void empty_answer(phone *ph, rove__frame_writer *writer, rove__buf *answer) {
    (void)ph;
    (void)writer;
    (void)answer;
}

static void raw_frame(phone *ph, rove__frame_writer *writer, rove__frame_type type,
                      const char *bytes, rove__buf *answer) {
    phone_welcome(ph, writer, answer);
    assert_int_equal(rove__frame_write(writer, type, bytes, strlen(bytes), answer), ROVE_OK);
    phone_end(ph, writer, answer, 0);
}

static rove__frame_type garbled;

static void garbage_in_a_frame(phone *ph, rove__frame_writer *writer, rove__buf *answer) {
    raw_frame(ph, writer, garbled, "\xff\xff\xff\xff garbage \xff", answer);
}

static void another_batch(phone *ph, rove__frame_writer *writer, rove__buf *answer) {
    phone_welcome(ph, writer, answer);
    phone_ack(ph, writer, answer, 17, NULL, 0);
    phone_end(ph, writer, answer, 0);
}

static void another_chain(phone *ph, rove__frame_writer *writer, rove__buf *answer) {
    rove__chain right = ph->chains[1];

    phone_welcome(ph, writer, answer);
    ph->chains[1].hash[0] ^= 1;
    phone_ack(ph, writer, answer, 1, NULL, 0);
    ph->chains[1] = right;
    phone_end(ph, writer, answer, 0);
}

static void half_an_ack(phone *ph, rove__frame_writer *writer, rove__buf *answer) {
    rove__ack ack = {.number = 1, .chain = ph->chains[1], .seq = 5, .last = 0};

    phone_welcome(ph, writer, answer);
    PHONE_MESSAGE(ph, writer, answer, ROVE_FRAME_ACK, ack, &ack);
    phone_end(ph, writer, answer, 0);
}

static void two_half_acks(phone *ph, rove__frame_writer *writer, rove__buf *answer) {
    rove__ack ack = {.number = 1, .chain = ph->chains[1], .seq = 5, .last = 0};

    phone_welcome(ph, writer, answer);
    PHONE_MESSAGE(ph, writer, answer, ROVE_FRAME_ACK, ack, &ack);
    ack.number = 2;
    PHONE_MESSAGE(ph, writer, answer, ROVE_FRAME_ACK, ack, &ack);
    phone_end(ph, writer, answer, 0);
}

static void an_endless_ack(phone *ph, rove__frame_writer *writer, rove__buf *answer) {
    rove__ack ack = {.number = 1, .chain = ph->chains[1], .seq = 5, .last = 0};

    phone_welcome(ph, writer, answer);
    for (int i = 0; i < 1000; i++) {
        PHONE_MESSAGE(ph, writer, answer, ROVE_FRAME_ACK, ack, &ack);
    }
    phone_end(ph, writer, answer, 0);
}

static void rows_of_devices(phone *ph, rove__frame_writer *writer, rove__buf *answer) {
    const rove__entity *entity = rove__registry_by_name(ph->registry, "Account");
    rove__batch_writer *rows = NULL;
    rove__change change = {.op = ROVE_OP_INSERT, .replica = 3};
    rove__version version = {rove__stamp_make(PHONE_NOW_MS, 1), 3};
    rove__buf bytes;

    rove__buf_init(&bytes, &ph->own, ROVE_FRAME_MAX);
    assert_int_equal(rove__batch_writer_new(&ph->own, ROVE_BATCH_MAX, &rows), ROVE_OK);
    assert_int_equal(rove__row_init(&change.row, entity, rove__id_make(3, 1), &ph->arena), ROVE_OK);
    rove__clock_init(&change.clock, version, version, 0);
    assert_int_equal(rove__batch_add(rows, &change), ROVE_OK);
    assert_int_equal(rove__batch_finish(rows, &bytes), ROVE_OK);
    rove__page page = {.rows = {bytes.data, bytes.size}, .cursor = {PHONE_TIMELINE, 5}};
    phone_welcome(ph, writer, answer);
    PHONE_MESSAGE(ph, writer, answer, ROVE_FRAME_PAGE, page, &page);
    phone_end(ph, writer, answer, 0);
    rove__batch_writer_free(rows);
    rove__buf_free(&bytes);
}

static void test_answers_out_of_order_are_refused(void **state) {
    static void (*const hostile[])(phone *, rove__frame_writer *, rove__buf *) = {
        without_welcome, two_welcomes, on_after_the_end, a_device_frame, another_batch,
        another_chain,   half_an_ack,  two_half_acks,    an_endless_ack, rows_of_devices};
    (void)state;

    (void)phone_account(&p, "work");
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        rove_status status = run_composed(hostile[i]);
        if (status != ROVE_PROTOCOL) {
            fail_msg("hostile answer %d: %s", (int)i, rove_status_name(status));
        }
        assert_true(p.error.message[0] != '\0');
        assert_int_equal(phone_state(&p).pending, 1);
    }
    assert_recovers(1);
}

static void test_frames_full_of_garbage_are_refused(void **state) {
    static const rove__frame_type types[] = {
        ROVE_FRAME_NEED, ROVE_FRAME_RENUMBER, ROVE_FRAME_ACK,  ROVE_FRAME_NEED_ROW,
        ROVE_FRAME_PAGE, ROVE_FRAME_DIFFER,   ROVE_FRAME_FAIL, ROVE_FRAME_END};
    (void)state;

    (void)phone_account(&p, "work");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        garbled = types[i];
        assert_int_not_equal(run_composed(garbage_in_a_frame), ROVE_OK);
        assert_int_equal(phone_state(&p).pending, 1);
    }
    assert_recovers(1);
}

static void test_no_frames_at_all_is_truncated(void **state) {
    (void)state;
    (void)phone_account(&p, "work");
    phone_is(&p, run_composed(empty_answer), ROVE_TRUNCATED);
    assert_recovers(1);
}

static void another_version(phone *ph, rove__frame_writer *writer, rove__buf *answer) {
    rove__welcome welcome = {.protocol = 99,
                             .schema = 1,
                             .server_ms = PHONE_NOW_MS,
                             .timeline = PHONE_TIMELINE,
                             .replica = PHONE_NUMBER,
                             .user = PHONE_USER};

    PHONE_MESSAGE(ph, writer, answer, ROVE_FRAME_WELCOME, welcome, &welcome);
    phone_end(ph, writer, answer, 0);
}

static void test_another_version_of_the_protocol_is_said(void **state) {
    (void)state;
    (void)phone_account(&p, "work");
    phone_is(&p, run_composed(another_version), ROVE_VERSION);
    assert_recovers(1);
}

static void an_order(phone *ph, rove__frame_writer *writer, rove__buf *answer) {
    raw_frame(ph, writer, ROVE_FRAME_ORDER, "of a later version", answer);
}

static void test_an_order_of_a_later_version_does_no_harm(void **state) {
    (void)state;
    phone_ok(&p, run_composed(an_order));
}

static rove_status failure;

static void says_fail(phone *ph, rove__frame_writer *writer, rove__buf *answer) {
    rove__fail fail = {.status = failure, .reason = "Because."};

    phone_welcome(ph, writer, answer);
    PHONE_MESSAGE(ph, writer, answer, ROVE_FRAME_FAIL, fail, &fail);
}

static void test_each_reason_of_headquarters_is_passed_on(void **state) {
    static const rove_status reasons[] = {ROVE_LATER,        ROVE_SERVER,  ROVE_UPGRADE,
                                          ROVE_VERSION,      ROVE_REVOKED, ROVE_EXPIRED,
                                          ROVE_UNAUTHORIZED, ROVE_FORK};
    (void)state;

    (void)phone_account(&p, "work");
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        failure = reasons[i];
        phone_is(&p, run_composed(says_fail), reasons[i]);
        assert_string_equal(p.error.message, "Because.");
        assert_int_equal(phone_state(&p).pending, 1);
    }
    assert_recovers(1);
}

/* An Ack and a page of one answer are one transaction: a page that cannot be read takes the Ack with it. */
static void ack_and_bad_page(phone *ph, rove__frame_writer *writer, rove__buf *answer) {
    phone_welcome(ph, writer, answer);
    phone_ack(ph, writer, answer, 1, NULL, 0);
    assert_int_equal(rove__frame_write(writer, ROVE_FRAME_PAGE, "\xff\xff", 2, answer), ROVE_OK);
}

static void test_an_ack_counts_with_its_page_or_not_at_all(void **state) {
    (void)state;
    (void)phone_account(&p, "work");
    assert_int_not_equal(run_composed(ack_and_bad_page), ROVE_OK);
    assert_recovers(1);
}

/* ---- short memory ---- */

static void test_short_memory_anywhere_loses_nothing(void **state) {
    rove__device_outcome outcome;
    rove_status status = ROVE_NOMEM;
    (void)state;

    for (size_t n = 1; status != ROVE_OK; n++) {
        rove__device_options options = {.app = "test"};
        rove__device *device = NULL;
        uint8_t body[4096];
        rove__buf request;
        rove__buf answer;
        size_t size = 1;

        (void)phone_account(&p, "work");
        p.accounts++;
        rove__buf_init(&request, &p.own, 1 << 20);
        rove__buf_init(&answer, &p.own, 1 << 20);
        p.memory.calls = 0;
        p.memory.fail_at = n;
        memset(&p.last, 0, sizeof p.last);
        status = rove__device_new(&p.replica->store_ports, p.replica->store, &options, &device,
                                  &p.error);
        while (status == ROVE_OK && size > 0) {
            status = rove__device_request(device, body, sizeof body, &size, &p.error);
            rove__buf_append(&request, body, size);
        }
        if (status == ROVE_OK) {
            assert_int_equal(phone_exchange(&p, &request, &answer), ROVE_OK);
            status = rove__device_answer(device, answer.data, answer.size, &p.error);
        }
        p.memory.fail_at = 0;
        if (device != NULL) {
            status = rove__device_finish(device, status, &outcome, &p.error);
        }
        rove__device_free(device);
        rove__buf_free(&request);
        rove__buf_free(&answer);
        if (status != ROVE_OK) {
            phone_is(&p, status, ROVE_NOMEM);
            phone_ok(&p, run(&honest, &outcome, NULL));
        }
        assert_int_equal(phone_state(&p).pending, 0);
        assert_int_equal(phone_number(&p, "SELECT count(*) FROM account"), 2 * (int64_t)n);
        assert_true(n < 1000);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_request_and_answer_in_any_portions),
        TEST(test_what_is_sent_again_is_the_same_byte_for_byte),
        TEST(test_an_outcome_says_when_to_come_again),
        TEST(test_a_cut_at_every_byte),
        TEST(test_a_flipped_bit_anywhere),
        TEST(test_bytes_after_the_end),
        TEST(test_answers_out_of_order_are_refused),
        TEST(test_frames_full_of_garbage_are_refused),
        TEST(test_no_frames_at_all_is_truncated),
        TEST(test_another_version_of_the_protocol_is_said),
        TEST(test_an_order_of_a_later_version_does_no_harm),
        TEST(test_each_reason_of_headquarters_is_passed_on),
        TEST(test_an_ack_counts_with_its_page_or_not_at_all),
        TEST(test_short_memory_anywhere_loses_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
