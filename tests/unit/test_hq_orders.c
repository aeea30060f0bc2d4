/*
 * Orders at headquarters: from the commit on a device with an order is refused all else, and gets the order, revoked or expired
 * as it may be; an order is lifted, replaced, given once, and carried out once; each act is recorded.
 */
#include "outpost.h"

#include "client/internal.h"
#include "keys.h"
#include "line.h"
#include "orders.h"

#define DAY_MS INT64_C(86400000)

typedef struct world {
    outpost *o;
    device phone;
    char replica[16];
    rove_replica number;
    caller c;
    said said;
} world;

static int set_up(void **state) {
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->o = outpost_start();
    device_start(w->o, &w->phone, "order_phone");
    w->number = device_state(&w->phone).replica;
    (void)snprintf(w->replica, sizeof w->replica, "%u", (unsigned)w->number);
    w->c.tls = SSL_CTX_new(TLS_client_method());
    w->c.port = w->o->port;
    assert_non_null(w->c.tls);
    const rove__credentials *own = w->phone.replica->credentials;
    line_show(&w->c, own->identity.certificate, own->identity.certificate_size, own->key,
              own->key_size);
    *state = w;
    return 0;
}

static int tear_down(void **state) {
    world *w = *state;
    SSL_CTX_free(w->c.tls);
    device_close(&w->phone);
    outpost_end(w->o);
    free(w);
    return 0;
}

#define tells(w, ...) headquarters_run(&(w)->o->h, &(w)->said, __VA_ARGS__, NULL)
#define does(w, ...)                                                                               \
    do {                                                                                           \
        if (tells(w, __VA_ARGS__) != HQ_EXIT_DONE) {                                               \
            fail_msg("%s: %s", #__VA_ARGS__, (w)->said.err);                                       \
        }                                                                                          \
    } while (0)

static void does_not_say(const world *w, const char *text) {
    if (strstr(w->said.out, text) != NULL) {
        fail_msg("'%s' is in:\n%s", text, w->said.out);
    }
}

static void says(const world *w, const char *text) {
    if (strstr(w->said.out, text) == NULL) {
        fail_msg("'%s' is not in:\n%s", text, w->said.out);
    }
}

static void refused(world *w) {
    static const char *const heads[] = {
        REQUEST("POST /v1/exchange") "Content-Type: application/vnd.rove.exchange\r\n"
                                     "Content-Length: 0\r\n\r\n",
        REQUEST("POST /v1/renew") "Content-Type: application/vnd.rove.enroll\r\n"
                                  "Content-Length: 0\r\n\r\n",
        REQUEST("GET /v1/wait?cursor=1.1") "\r\n",
        REQUEST("GET /v1/nothing") "\r\n",
    };
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        assert_int_equal(line_ask_once(&w->c, heads[i]), 403);
        assert_non_null(strstr(w->c.answer, "Rove-Status: REVOKED\r\n"));
    }
}

static int let_in(world *w) {
    return line_ask_once(&w->c, REQUEST("GET /v1/nothing") "\r\n") == 404;
}

/* Asks for the order; it is headquarters', for this device. */
static rove__signed_order asked(world *w) {
    static uint8_t kept[ROVE_ORDER_MAX];
    rove__signed_order order;
    assert_int_equal(line_ask_once(&w->c, REQUEST("GET /v1/order") "\r\n"), 200);
    assert_non_null(strstr(w->c.answer, "Content-Type: " ROVE_ORDER_CONTENT_TYPE "\r\n"));
    size_t size = w->c.answer_size - (size_t)(line_body(&w->c) - w->c.answer);
    assert_true(size <= sizeof kept);
    memcpy(kept, line_body(&w->c), size);
    assert_int_equal(rove__order_read(&order, kept, size), ROVE_OK);
    const rove__order_terms terms = {.replica = w->number,
                                     .pins = {hq_get_keys(w->o->h.hq)->own.pin, NULL},
                                     .now_ms = hq_now_ms(w->o->h.hq)};
    assert_int_equal(rove__order_check(&w->phone.ports.crypto, &order, &terms, NULL), ROVE_OK);
    return order;
}

static void asked_for_nothing(world *w) {
    assert_int_equal(line_ask_once(&w->c, REQUEST("GET /v1/order") "\r\n"), 404);
    assert_non_null(strstr(w->c.answer, "Rove-Status: NOT_FOUND\r\n"));
}

/* ---- tests ----------------------------------------------------------------------------------------------- */

static void a_lock_holds_until_it_is_lifted(void **state) {
    world *w = *state;
    asked_for_nothing(w);
    does(w, "lock", w->replica, "--reason", "mislaid");
    says(w, "locks itself when it comes next");
    refused(w);
    rove__signed_order order = asked(w);
    assert_int_equal(order.kind, ROVE_ORDER_LOCK);
    assert_int_equal(order.until_ms / DAY_MS,
                     (hq_now_ms(w->o->h.hq) + HQ_ORDER_DAYS * DAY_MS) / DAY_MS);
    does(w, "devices");
    says(w, "active");
    says(w, "ordered to lock");

    does(w, "lock", w->replica);
    says(w, "already");
    assert_memory_equal(asked(w).nonce, order.nonce, sizeof order.nonce);

    does(w, "unlock", w->replica);
    assert_true(let_in(w));
    asked_for_nothing(w);
    does(w, "acts", "--limit", "2");
    says(w, "mislaid");
    says(w, "unlock");
    assert_int_not_equal(tells(w, "unlock", w->replica), HQ_EXIT_DONE);
    device_served(&w->phone, device_sync(&w->phone));

    does(w, "lock", w->replica); /* another one */
    assert_memory_not_equal(asked(w).nonce, order.nonce, sizeof order.nonce);
}

static void a_lock_ends_by_itself(void **state) {
    world *w = *state;
    does(w, "lock", w->replica, "--days", "2");
    assert_int_equal(asked(w).kind, ROVE_ORDER_LOCK);
    w->o->h.clock.offset_ms = 2 * DAY_MS + 60000;
    assert_true(let_in(w));
    asked_for_nothing(w);
    assert_int_equal(tells(w, "lock", w->replica, "--days", "0"), HQ_EXIT_USAGE);
    assert_int_equal(tells(w, "lock", w->replica, "--days", "3651"), HQ_EXIT_USAGE);
}

static void a_wipe_revokes_and_is_not_lifted(void **state) {
    world *w = *state;
    does(w, "lock", w->replica);
    does(w, "wipe", w->replica, "--days", "30", "--reason", "stolen");
    refused(w);
    assert_int_equal(asked(w).kind, ROVE_ORDER_WIPE);
    does(w, "devices");
    says(w, "revoked");
    says(w, "ordered to wipe");
    assert_int_not_equal(tells(w, "unlock", w->replica), HQ_EXIT_DONE);
    assert_int_not_equal(tells(w, "lock", w->replica), HQ_EXIT_DONE);
    does(w, "acts", "--limit", "1");
    says(w, "stolen");

    /* Past its end it is refused as before, and can be ordered anew. */
    w->o->h.clock.offset_ms = 31 * DAY_MS;
    refused(w);
    does(w, "wipe", w->replica);
    says(w, "wipes itself when it comes next");
    assert_int_equal(asked(w).kind, ROVE_ORDER_WIPE);
}

static void an_order_reaches_who_is_revoked_or_expired(void **state) {
    world *w = *state;
    device_revoke(w->o, &w->phone);
    asked_for_nothing(w);
    does(w, "wipe", w->replica);
    assert_int_equal(asked(w).kind, ROVE_ORDER_WIPE);
    w->o->h.clock.offset_ms = 200 * DAY_MS; /* its certificate cannot even be renewed any more */
    assert_int_equal(asked(w).kind, ROVE_ORDER_WIPE);
}

static void nobody_else_is_told(void **state) {
    world *w = *state;
    device other;
    does(w, "wipe", w->replica);
    device_start(w->o, &other, "order_other");
    const rove__credentials *own = other.replica->credentials;
    line_show(&w->c, own->identity.certificate, own->identity.certificate_size, own->key,
              own->key_size);
    asked_for_nothing(w);
    device_close(&other);
    SSL_CTX_free(w->c.tls);
    w->c.tls = SSL_CTX_new(TLS_client_method()); /* with no certificate */
    assert_int_equal(line_ask_once(&w->c, REQUEST("GET /v1/order") "\r\n"), 401);
}

static void who_is_no_device_is_not_ordered(void **state) {
    world *w = *state;
    assert_int_not_equal(tells(w, "wipe", "4"), HQ_EXIT_DONE);
    assert_int_equal(tells(w, "wipe", "jo"), HQ_EXIT_USAGE);
    assert_int_not_equal(tells(w, "lock", "4"), HQ_EXIT_DONE);
}

typedef struct receiving {
    world *w;
    hq_order_receipt receipt;
} receiving;

static rove_status receive(void *ctx, rove__hq_tx *tx, rove_error *error) {
    receiving *self = ctx;
    (void)error;
    return hq_order_done(self->w->o->h.hq, tx, &self->receipt);
}

static void a_receipt_is_shown_and_counts_once(void **state) {
    world *w = *state;
    does(w, "wipe", w->replica);
    rove__signed_order order = asked(w);
    receiving job = {
        .w = w,
        .receipt = {
            .replica = w->number, .kind = ROVE_ORDER_WIPE, .batches = 2, .changes = 7, .left = 1}};
    memcpy(job.receipt.nonce, order.nonce, sizeof order.nonce);
    assert_int_equal(hq_commit(w->o->h.hq, receive, &job, NULL), ROVE_OK);
    job.receipt.changes = 9;
    assert_int_equal(hq_commit(w->o->h.hq, receive, &job, NULL), ROVE_OK);
    does(w, "devices");
    says(w, "wiped");
    says(w, "2 batches with 7 changes sealed, 1 records left");
    does(w, "acts", "--limit", "1");
    says(w, "as ordered: 2 batches with 7 changes sealed");
    refused(w);
    assert_int_not_equal(tells(w, "wipe", w->replica), HQ_EXIT_DONE);
}

static void a_rep_may_wipe_without_an_order(void **state) {
    world *w = *state;
    receiving job = {
        .w = w,
        .receipt = {.replica = w->number, .kind = ROVE_ORDER_WIPE, .batches = 1, .changes = 3}};
    assert_int_equal(hq_commit(w->o->h.hq, receive, &job, NULL), ROVE_OK);
    does(w, "devices");
    says(w, "1 batches with 3 changes sealed");
    does(w, "acts", "--limit", "1");
    says(w, "by its rep");
    refused(w);
    asked_for_nothing(w);
}

/* Whoever has the key of a locked device could say that it wiped itself. */
static void a_receipt_lifts_no_lock(void **state) {
    world *w = *state;
    receiving job = {.w = w, .receipt = {.replica = w->number, .kind = ROVE_ORDER_WIPE}};
    does(w, "lock", w->replica);
    assert_int_equal(hq_commit(w->o->h.hq, receive, &job, NULL), ROVE_OK);
    refused(w);
    asked_for_nothing(w);
    does(w, "devices");
    says(w, "wiped");
    assert_int_not_equal(tells(w, "unlock", w->replica), HQ_EXIT_DONE);
    refused(w);
}

static void receives(receiving *job, uint32_t kind, const rove__signed_order *order) {
    job->receipt = (hq_order_receipt){.replica = job->w->number, .kind = kind};
    memcpy(job->receipt.nonce, order->nonce, sizeof order->nonce);
    assert_int_equal(hq_commit(job->w->o->h.hq, receive, job, NULL), ROVE_OK);
    does(job->w, "devices");
}

static void what_became_of_a_lock_is_shown(void **state) {
    world *w = *state;
    receiving job = {.w = w};
    does(w, "lock", w->replica);
    does(w, "devices");
    says(w, "ordered to lock");
    does_not_say(w, "fetched");
    rove__signed_order order = asked(w);
    does(w, "devices");
    says(w, "fetched");
    does_not_say(w, " locked");

    receives(&job, ROVE_ORDER_UNLOCKED, &order); /* while it is in force: nobody lifts it so */
    does_not_say(w, "unlocked");
    refused(w);
    receives(&job, ROVE_ORDER_LOCK, &order);
    says(w, " locked");
    receives(&job, ROVE_ORDER_LOCK, &order);
    does(w, "acts", "--limit", "2");
    says(w, "locked");
    says(w, "lock ");

    does(w, "unlock", w->replica);
    does(w, "devices");
    says(w, "lifted");
    receives(&job, ROVE_ORDER_UNLOCKED, &order);
    says(w, "unlocked");
    assert_true(let_in(w));

    does(w, "lock", w->replica);
    receives(&job, ROVE_ORDER_LOCK, &order); /* of the former one */
    does_not_say(w, " locked");
    does_not_say(w, "unlocked");
    refused(w);
}

/* Also where headquarters' clock was set back: a device follows none that is older than the last. */
static void every_order_is_younger_than_the_last(void **state) {
    world *w = *state;
    does(w, "lock", w->replica);
    int64_t last_ms = asked(w).given_ms;
    assert_true(last_ms <= hq_now_ms(w->o->h.hq));
    does(w, "unlock", w->replica);
    w->o->h.clock.offset_ms = -60000;
    for (int i = 0; i < 2; i++) {
        does(w, "lock", w->replica);
        int64_t given_ms = asked(w).given_ms;
        assert_true(given_ms > last_ms);
        last_ms = given_ms;
        does(w, "unlock", w->replica);
    }
    does(w, "wipe", w->replica);
    assert_true(asked(w).given_ms > last_ms);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_lock_holds_until_it_is_lifted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lock_ends_by_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_wipe_revokes_and_is_not_lifted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_order_reaches_who_is_revoked_or_expired, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(nobody_else_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_is_no_device_is_not_ordered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_became_of_a_lock_is_shown, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_order_is_younger_than_the_last, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_receipt_is_shown_and_counts_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_rep_may_wipe_without_an_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_receipt_lifts_no_lock, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
