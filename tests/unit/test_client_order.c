/*
 * test_client_order.c - orders of headquarters on a device: which are followed, and that a lock holds, over restarts and PINs, until
 * headquarters lets the device in again. Wiping is in test_client_wipe.c.
 */
#include "ordered_phone.h"
#include "store/internal.h"

#define SECRET 0x31

static phone p;
static seal_keys keys;
static int is_sealed;
static struct {
    size_t locked, unlocked; /* receipts that came */
    rove__sealed_receipt last;
} office;

static void take(phone *from, const uint8_t *record, size_t size) {
    rove__bytes key = {keys.headquarters, keys.headquarters_size};
    rove__opening opening;
    rove__buf content;
    uint32_t ordinal = 0;
    (void)from;

    rove__buf_init(&content, &p.own, ROVE_SEALED_MAX);
    assert_int_equal(rove__opening_begin(&opening, &keys.crypto, key), ROVE_OK);
    assert_int_equal(rove__opening_content(&opening, record, size, &content, &ordinal), ROVE_OK);
    assert_int_equal(rove__sealed_kind(record, size), ROVE_SEALED_RECEIPT);
    orders_receipt(&keys, &content, &office.last);
    office.locked += office.last.kind == ROVE_ORDER_LOCK;
    office.unlocked += office.last.kind == ROVE_ORDER_UNLOCKED;
    rove__opening_end(&opening);
    rove__buf_free(&content);
}

static void prepare(int sealed) {
    is_sealed = sealed;
    memset(&office, 0, sizeof office);
    orders_prepare(&p, &keys, "client_order");
    p.take = take;
    p.ports.keyring = sealed ? keyring_with(&p.keys, SECRET) : (rove_keyring){NULL, NULL, NULL};
    phone_open(&p);
    phone_enroll(&p);
    phone_ok(&p, rove_sync(p.replica, NULL, NULL, &p.error));
}

static int set_up_plain(void **state) {
    (void)state;
    prepare(0);
    return 0;
}

static int set_up_sealed(void **state) {
    (void)state;
    prepare(1);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    phone_stop(&p);
    seals_close(&keys);
    return 0;
}

static rove_status reads(void) {
    rove_query *query = NULL;
    rove_status status =
        rove_query_new(p.replica, "SELECT count(*) FROM account", NULL, 0, &query, &p.error);

    rove_query_free(query);
    return status;
}

static rove_status syncs(void) {
    return rove_sync(p.replica, NULL, NULL, &p.error);
}

static int has_keys(void) {
    rove__data_key key;

    rove_status status = rove__vault_key(&p.replica->store->vault, &key);
    rove__wipe(&key, sizeof key);
    return status == ROVE_OK;
}

static void is_locked(void) {
    assert_int_equal(reads(), ROVE_LOCKED);
    assert_non_null(strstr(p.error.message, "Headquarters has locked"));
    assert_false(is_sealed && has_keys());
    assert_int_equal(phone_state(&p).locked, 1);
}

/* Let in again, it is as it was, and sends what waits. */
static void is_let_in(void) {
    p.revoked = 0;
    p.order_size = 0;
    phone_ok(&p, syncs());
    assert_int_equal(reads(), ROVE_OK);
    assert_int_equal(phone_state(&p).pending, 0);
    assert_int_equal(phone_state(&p).locked, 0);
}

/* ---- a lock ---- */

static void a_lock_holds_until_the_device_is_let_in(void **state) {
    (void)state;
    (void)phone_account(&p, "Ajax");
    orders_give(&p, &keys, ROVE_ORDER_LOCK);
    phone_is(&p, syncs(), ROVE_LOCKED);
    is_locked();
    phone_is(&p, rove_unlock(p.replica, &p.error), ROVE_LOCKED);
    phone_is(&p, syncs(), ROVE_LOCKED); /* the same order again */
    is_locked();

    p.order_size = 0; /* only refused now: that is no reason to open */
    phone_is(&p, syncs(), ROVE_REVOKED);
    is_locked();
    p.refusals = 1;
    p.refuse = ROVE_NETWORK;
    phone_is(&p, syncs(), ROVE_NETWORK);
    is_locked();
    is_let_in();
    assert_int_equal(p.judged, 1);
}

static void a_lock_survives_being_closed(void **state) {
    (void)state;
    (void)phone_account(&p, "Ajax");
    orders_give(&p, &keys, ROVE_ORDER_LOCK);
    phone_is(&p, syncs(), ROVE_LOCKED);
    for (int i = 0; i < 2; i++) {
        phone_close(&p);
        phone_open(&p);
        is_locked();
    }
    is_let_in();
    phone_close(&p);
    phone_open(&p);
    assert_int_equal(reads(), ROVE_OK);
}

static void an_exchange_by_hand_opens_it_too(void **state) {
    rove_exchange *exchange = NULL;
    rove_request request;
    uint8_t bytes[4096];
    rove__buf body;
    rove__buf answer;
    size_t size = 1;
    (void)state;

    orders_give(&p, &keys, ROVE_ORDER_LOCK);
    phone_is(&p, syncs(), ROVE_LOCKED);
    rove__buf_init(&body, &p.own, 1 << 20);
    rove__buf_init(&answer, &p.own, 1 << 20);
    phone_ok(&p, rove_exchange_new(p.replica, 0, &exchange, &p.error));
    phone_ok(&p, rove_exchange_target(exchange, &request, &p.error));
    while (size > 0) {
        phone_ok(&p, rove_exchange_request(exchange, bytes, sizeof bytes, &size, &p.error));
        rove__buf_append(&body, bytes, size);
    }
    phone_ok(&p, phone_exchange(&p, &body, &answer));
    phone_ok(&p, rove_exchange_answer(exchange, answer.data, answer.size, &p.error));
    assert_int_equal(reads(), ROVE_LOCKED);
    phone_ok(&p, rove_exchange_finish(exchange, ROVE_OK, NULL, NULL, &p.error));
    assert_int_equal(reads(), ROVE_OK);
    rove__buf_free(&body);
    rove__buf_free(&answer);
}

static void what_was_under_way_is_committed(void **state) {
    (void)state;
    phone_ok(&p, rove_begin(p.replica, &p.error));
    (void)phone_account(&p, "Ajax");
    rove__store_order(p.replica->store, 1);
    assert_int_equal(reads(), ROVE_LOCKED);
    phone_ok(&p, rove_commit(p.replica, &p.error));
    rove__store_order(p.replica->store, 0);
    if (is_sealed) {
        phone_ok(&p, rove_unlock(p.replica, &p.error));
    }
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM account WHERE name = 'Ajax'"), 1);
}

static void order_when_it_writes(void *ctx, rove_clock_reading *reading) {
    phone_read_clock(ctx, reading);
    if (p.replica->store->entered) {
        rove__store_order(p.replica->store, 1);
    }
}

/* It was looked at before the order came, and had its turn after: a wipe may have sealed already what there was. */
static void what_waited_for_its_turn_is_refused(void **state) {
    rove_field fields[] = {{"name", rove_text("Ajax")}};
    rove_clock own = p.replica->ports.clock;
    rove_id id = 0;
    (void)state;

    p.replica->ports.clock.read = order_when_it_writes;
    phone_is(&p, rove_insert(p.replica, "Account", fields, 1, &id, &p.error), ROVE_LOCKED);
    p.replica->ports.clock = own;
    rove__store_order(p.replica->store, 0);
    if (is_sealed) {
        phone_ok(&p, rove_unlock(p.replica, &p.error));
    }
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM account WHERE name = 'Ajax'"), 0);
    (void)phone_account(&p, "Bakery");
}

/* Nobody has to type the PIN first; and his own lock stays the rep's. */
static void a_locked_replica_is_locked_by_headquarters_too(void **state) {
    (void)state;
    (void)phone_account(&p, "Ajax");
    phone_ok(&p, rove_lock(p.replica, &p.error));
    phone_is(&p, syncs(), ROVE_LOCKED);
    p.revoked = 1;
    orders_give(&p, &keys, ROVE_ORDER_LOCK);
    phone_is(&p, syncs(), ROVE_LOCKED);
    phone_is(&p, rove_unlock(p.replica, &p.error), ROVE_LOCKED);
    assert_non_null(strstr(p.error.message, "Headquarters has locked"));
    is_locked();
    is_let_in();
    assert_int_equal(p.judged, 1);
}

/* ---- receipts ---- */

static void says(uint32_t kind, const uint8_t nonce[ROVE_ORDER_NONCE_SIZE]) {
    assert_int_equal(office.last.kind, kind);
    assert_int_equal(office.last.replica, PHONE_NUMBER);
    assert_memory_equal(office.last.nonce, nonce, ROVE_ORDER_NONCE_SIZE);
    assert_int_equal(office.last.wall_ms, PHONE_NOW_MS);
}

static void headquarters_hears_of_it_at_once_and_once(void **state) {
    uint8_t nonce[ROVE_ORDER_NONCE_SIZE];
    (void)state;

    orders_give(&p, &keys, ROVE_ORDER_LOCK);
    memcpy(nonce, p.order + 6, sizeof nonce);
    phone_is(&p, syncs(), ROVE_LOCKED);
    assert_int_equal(office.locked, 1);
    says(ROVE_ORDER_LOCK, nonce);
    phone_is(&p, syncs(), ROVE_LOCKED);
    phone_close(&p);
    phone_open(&p);
    phone_is(&p, syncs(), ROVE_LOCKED);
    assert_int_equal(office.locked, 1);
    assert_int_equal(office.unlocked, 0);

    is_let_in();
    assert_int_equal(office.unlocked, 1);
    says(ROVE_ORDER_UNLOCKED, nonce);
    phone_ok(&p, syncs());
    orders_give(&p, &keys, ROVE_ORDER_LOCK); /* another one has another receipt */
    phone_is(&p, syncs(), ROVE_LOCKED);
    assert_int_equal(office.locked, 2);
    says(ROVE_ORDER_LOCK, p.order + 6);
    is_let_in();
    assert_int_equal(office.locked + office.unlocked, 4);
}

/* Killed before it was put down, or with no room for it. */
static void a_receipt_that_was_not_written_is_written_later(void **state) {
    (void)state;
    orders_give(&p, &keys, ROVE_ORDER_LOCK);
    phone_is(&p, syncs(), ROVE_LOCKED);
    rove__orders orders = p.replica->orders;
    orders.told = 0;
    phone_ok(&p, rove__client_put_orders(p.replica, &orders, &p.error));
    phone_close(&p);
    phone_open(&p);
    assert_int_equal(p.replica->orders.told, 0);
    phone_is(&p, syncs(), ROVE_LOCKED);
    assert_int_equal(office.locked, 2);
    assert_int_equal(p.replica->orders.told, 1);
    is_let_in();
}

/* ---- what is not followed ---- */

/* The status of the sync; the replica and its unsent work are as they were. */
static void is_not_followed(rove_status expected) {
    p.revoked = 1;
    phone_is(&p, syncs(), expected);
    assert_int_equal(reads(), ROVE_OK);
    assert_int_equal(phone_state(&p).pending, 1);
    phone_close(&p);
    phone_open(&p);
    assert_int_equal(reads(), ROVE_OK);
    assert_int_equal(phone_state(&p).pending, 1);
}

static void who_is_only_refused_stays_open(void **state) {
    (void)state;
    (void)phone_account(&p, "Ajax");
    is_not_followed(ROVE_REVOKED);
    is_let_in();
}

static void orders_that_do_not_hold_are_not_followed(void **state) {
    static const rove__order_kind kinds[] = {ROVE_ORDER_LOCK, ROVE_ORDER_WIPE};
    (void)state;

    (void)phone_account(&p, "Ajax");
    for (size_t i = 0; i < 2; i++) {
        rove__signed_order order = orders_draw(&p, kinds[i]);
        orders_sign(&p, &keys, &order, keys.device, keys.device_size); /* by somebody else */
        is_not_followed(ROVE_TLS);

        order = orders_draw(&p, kinds[i]);
        order.key = (rove__bytes){keys.device_public, keys.device_public_size};
        orders_sign(&p, &keys, &order, keys.device, keys.device_size);
        is_not_followed(ROVE_TLS);

        order = orders_draw(&p, kinds[i]);
        order.replica = p.number + 1;
        orders_sign(&p, &keys, &order, keys.headquarters, keys.headquarters_size);
        is_not_followed(ROVE_DENIED);

        order = orders_draw(&p, kinds[i]);
        order.until_ms = PHONE_NOW_MS - 1;
        orders_sign(&p, &keys, &order, keys.headquarters, keys.headquarters_size);
        is_not_followed(ROVE_EXPIRED);

        orders_give(&p, &keys, kinds[i]);
        p.order[10] ^= 1; /* the nonce */
        is_not_followed(ROVE_TLS);
        orders_give(&p, &keys, kinds[i]);
        p.order[1] ^= ROVE_ORDER_LOCK ^ ROVE_ORDER_WIPE; /* the other kind */
        is_not_followed(ROVE_TLS);
        orders_give(&p, &keys, kinds[i]);
        p.order[1] = 3;
        is_not_followed(ROVE_PROTOCOL);
        orders_give(&p, &keys, kinds[i]);
        p.order[0] = 2;
        is_not_followed(ROVE_VERSION);
        orders_give(&p, &keys, kinds[i]);
        p.order_size--;
        is_not_followed(ROVE_TRUNCATED);
    }
    is_let_in();
    assert_int_equal(p.judged, 1);
}

static void an_order_is_carried_out_once(void **state) {
    uint8_t recorded[ROVE_ORDER_MAX];
    (void)state;

    orders_give(&p, &keys, ROVE_ORDER_LOCK);
    memcpy(recorded, p.order, sizeof recorded);
    size_t size = p.order_size;
    phone_is(&p, syncs(), ROVE_LOCKED);
    is_let_in();
    (void)phone_account(&p, "Ajax");
    memcpy(p.order, recorded, sizeof recorded);
    p.order_size = size;
    is_not_followed(ROVE_EXISTS);
    is_let_in();

    orders_give(&p, &keys, ROVE_ORDER_LOCK); /* another one is another one */
    phone_is(&p, syncs(), ROVE_LOCKED);
    is_locked();
    is_let_in();
}

/* Headquarters lifted the first before it gave the second; the device heard of neither until it had both. */
static void an_order_that_another_has_replaced_is_over(void **state) {
    uint8_t recorded[ROVE_ORDER_MAX];
    (void)state;

    (void)phone_account(&p, "Ajax");
    orders_give(&p, &keys, ROVE_ORDER_LOCK);
    memcpy(recorded, p.order, sizeof recorded);
    size_t size = p.order_size;
    phone_is(&p, syncs(), ROVE_LOCKED);
    orders_give(&p, &keys, ROVE_ORDER_LOCK);
    phone_is(&p, syncs(), ROVE_LOCKED);
    memcpy(p.order, recorded, sizeof recorded);
    p.order_size = size;
    phone_is(&p, syncs(), ROVE_EXISTS);
    is_locked();
    is_let_in();
    (void)phone_account(&p, "Bakery");
    memcpy(p.order, recorded, sizeof recorded);
    p.order_size = size;
    is_not_followed(ROVE_EXISTS);
    is_let_in();
}

/* It was started again, and is refused: nobody tells it the time. */
static void not_knowing_the_time_is_no_way_around(void **state) {
    (void)state;
    phone_close(&p);
    p.now.wall_ms = PHONE_NOW_MS + 400 * PHONE_DAY_MS;
    p.now.boot_ms = 0;
    p.now.boot_id[0]++;
    phone_open(&p);
    assert_int_equal(phone_state(&p).clock_trusted, 0);
    orders_give(&p, &keys, ROVE_ORDER_LOCK);
    phone_is(&p, syncs(), ROVE_LOCKED);
    is_locked();
    p.now.wall_ms = PHONE_NOW_MS;
    is_let_in();
}

/* ---- the file ---- */

static void every_failure_of_memory_leaves_it_open_or_locked(void **state) {
    (void)state;
    (void)phone_account(&p, "Ajax");
    orders_give(&p, &keys, ROVE_ORDER_LOCK);
    rove_status status = ROVE_NOMEM;
    for (size_t n = 1; status != ROVE_LOCKED; n++) {
        p.memory.calls = 0;
        p.memory.fail_at = n;
        status = syncs();
        p.memory.fail_at = 0;
        assert_true(status == ROVE_NOMEM || status == ROVE_REVOKED || status == ROVE_LOCKED);
        rove_status read = reads();
        assert_int_equal(read, status == ROVE_LOCKED ? ROVE_LOCKED : read);
    }
    is_locked();
    phone_is(&p, syncs(), ROVE_LOCKED); /* there is memory for the receipt now, if there was none */
    assert_int_equal(office.locked, 1);
    is_let_in();
    assert_int_equal(p.judged, 1);
}

static void a_damaged_file_of_orders_locks_until_the_next_contact(void **state) {
    char path[128];
    (void)state;

    (void)phone_account(&p, "Ajax");
    orders_give(&p, &keys, ROVE_ORDER_LOCK);
    phone_is(&p, syncs(), ROVE_LOCKED);
    phone_close(&p);
    (void)snprintf(path, sizeof path, "%s/orders", p.folder);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 7, SEEK_SET), 0);
    assert_int_equal(fputc(0, file), 0);
    assert_int_equal(fclose(file), 0);
    phone_open(&p);
    is_locked();
    is_let_in();
    phone_close(&p);
    phone_open(&p);
    assert_int_equal(reads(), ROVE_OK);
}

static rove_files own_files; /* of the handle, while its orders find no room */

static rove_status find_no_room(void *ctx, const char *path, const void *bytes, size_t size,
                                rove_error *error) {
    size_t length = strlen(path);

    if (length > 7 && strcmp(path + length - 7, "/orders") == 0) {
        return rove__error_set(error, ROVE_FULL, "The disk is full.");
    }
    return own_files.replace(ctx, path, bytes, size, error);
}

static void fill_the_disk(void) {
    own_files = p.replica->ports.files;
    p.replica->ports.files.replace = find_no_room;
}

static void make_room(void) {
    p.replica->ports.files = own_files;
}

/* It is locked for as long as the app runs, and each sync tries the file again; then it holds for good, and there is a receipt. */
static void a_full_disk_is_no_way_around_a_lock(void **state) {
    (void)state;
    (void)phone_account(&p, "Ajax");
    orders_give(&p, &keys, ROVE_ORDER_LOCK);
    fill_the_disk();
    for (int i = 0; i < 2; i++) {
        phone_is(&p, syncs(), ROVE_FULL);
        is_locked();
        phone_is(&p, rove_unlock(p.replica, &p.error), ROVE_LOCKED);
    }
    assert_int_equal(office.locked, 0);
    make_room();
    phone_is(&p, syncs(), ROVE_LOCKED);
    assert_int_equal(office.locked, 1);
    phone_close(&p);
    phone_open(&p);
    is_locked();
    is_let_in();
    assert_int_equal(p.judged, 1);
}

/* Nothing is sealed, and nothing goes, before the file of orders says so; until then it is locked. */
static void a_full_disk_is_no_way_around_a_wipe(void **state) {
    (void)state;
    (void)phone_account(&p, "Ajax");
    orders_give(&p, &keys, ROVE_ORDER_WIPE);
    fill_the_disk();
    phone_is(&p, syncs(), ROVE_FULL);
    is_locked();
    assert_int_equal(p.replica->orders.stage, ROVE_STAGE_LOCKED);
    make_room();
    phone_close(&p); /* killed, it knows of no order, and has all its work */
    phone_open(&p);
    assert_int_equal(reads(), ROVE_OK);
    assert_int_equal(phone_state(&p).pending, 1);
    fill_the_disk();
    phone_is(&p, syncs(), ROVE_FULL);
    is_locked();
    make_room();
    p.take = NULL;
    phone_is(&p, syncs(), ROVE_WIPED);
}

/* What it is locked by already stays in force, with its own receipt, and ends as it always does. */
static void a_second_order_that_finds_no_room_leaves_the_first(void **state) {
    uint8_t nonce[ROVE_ORDER_NONCE_SIZE];
    (void)state;

    (void)phone_account(&p, "Ajax");
    orders_give(&p, &keys, ROVE_ORDER_LOCK);
    memcpy(nonce, p.order + 6, sizeof nonce);
    phone_is(&p, syncs(), ROVE_LOCKED);
    orders_give(&p, &keys, ROVE_ORDER_WIPE);
    fill_the_disk();
    phone_is(&p, syncs(), ROVE_FULL);
    is_locked();
    make_room();
    is_let_in();
    assert_int_equal(office.unlocked, 1);
    says(ROVE_ORDER_UNLOCKED, nonce);
}

/* Let in before there was room, it is as it was: there was no lock that headquarters could have heard of. */
static void a_lock_that_was_never_written_ends_with_the_next_exchange(void **state) {
    (void)state;
    (void)phone_account(&p, "Ajax");
    orders_give(&p, &keys, ROVE_ORDER_LOCK);
    fill_the_disk();
    phone_is(&p, syncs(), ROVE_FULL);
    is_locked();
    make_room();
    is_let_in();
    assert_int_equal(office.locked + office.unlocked, 0);
    phone_close(&p);
    phone_open(&p);
    assert_int_equal(reads(), ROVE_OK);
}

/* A device that enrolled anew, as after a loss of headquarters, is told by what its new number is told. */
static void another_number_has_orders_of_its_own(void **state) {
    rove__orders orders = {.replica = PHONE_NUMBER, .given_ms = 5};
    (void)state;

    assert_int_equal(rove__orders_followed_ms(&orders, PHONE_NUMBER), 5);
    assert_int_equal(rove__orders_followed_ms(&orders, PHONE_NUMBER + 1), 0);
}

#define BOTH(test)                                                                                 \
    {#test " (plain)", test, set_up_plain, tear_down, NULL}, {                                     \
#test " (encrypted)", test, set_up_sealed, tear_down, NULL                                 \
    }

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(a_lock_holds_until_the_device_is_let_in),
        BOTH(a_lock_survives_being_closed),
        BOTH(an_exchange_by_hand_opens_it_too),
        BOTH(what_was_under_way_is_committed),
        BOTH(what_waited_for_its_turn_is_refused),
        {"a_locked_replica_is_locked_by_headquarters_too",
         a_locked_replica_is_locked_by_headquarters_too, set_up_sealed, tear_down, NULL},
        BOTH(headquarters_hears_of_it_at_once_and_once),
        BOTH(a_receipt_that_was_not_written_is_written_later),
        BOTH(who_is_only_refused_stays_open),
        BOTH(orders_that_do_not_hold_are_not_followed),
        BOTH(an_order_is_carried_out_once),
        BOTH(an_order_that_another_has_replaced_is_over),
        BOTH(not_knowing_the_time_is_no_way_around),
        BOTH(every_failure_of_memory_leaves_it_open_or_locked),
        BOTH(a_damaged_file_of_orders_locks_until_the_next_contact),
        BOTH(a_full_disk_is_no_way_around_a_lock),
        BOTH(a_full_disk_is_no_way_around_a_wipe),
        BOTH(a_second_order_that_finds_no_room_leaves_the_first),
        BOTH(a_lock_that_was_never_written_ends_with_the_next_exchange),
        cmocka_unit_test(another_number_has_orders_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
