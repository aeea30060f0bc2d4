/*
 * test_client_wipe.c - a replica is wiped by its rep, or because headquarters ordered it: what was not sent reaches headquarters, once,
 * and nothing else of it is left in any file, wherever the app is killed, and whatever fails.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "client/drop_post.h"
#include "faults.h"
#include "ordered_phone.h"
#include "store/internal.h"
#include "wire/sealed_note.h"

#define SECRET  0x31
#define CANARY  "Kanarienvogel"
#define UNSENT  2 /* accounts that were not sent */
#define RECORDS 64
#define ROOM    1400 /* for what was not sent, the receipt, and not all of what is kept */

static phone p;
static seal_keys keys;
static int is_sealed;
static uint64_t unsent;
static size_t kept; /* batches that headquarters has, and no backup */

/* What the drop box brought. */
static struct {
    uint64_t numbers[RECORDS]; /* of batches, each once */
    size_t batches, frames, canaries, receipts;
    rove__sealed_receipt receipt;
} office;

/* What a record begins with that is sealed for nobody. */
static const uint8_t filler[] = {ROVE_SEALED_VERSION, ROVE_SEALED_RECEIPT, 0, 0, 0, 0};

/* ---- headquarters ---- */

static int holds(const uint8_t *bytes, size_t size, const char *word) {
    size_t length = strlen(word);
    int found = 0;

    for (size_t at = 0; at + length <= size && !found; at++) {
        found = memcmp(bytes + at, word, length) == 0;
    }
    return found;
}

static void take_batch(const rove__sealed *frame) {
    size_t i = 0;

    while (i < office.batches && office.numbers[i] != frame->batch.number) {
        i++;
    }
    assert_true(i < RECORDS);
    if (i == office.batches) {
        office.numbers[office.batches++] = frame->batch.number;
        office.canaries += (size_t)holds(frame->rows.data, frame->rows.size, CANARY);
    }
    office.frames++;
}

static void take_record(phone *from, const uint8_t *record, size_t size) {
    rove__bytes key = {keys.headquarters, keys.headquarters_size};
    rove__opening opening;
    rove__sealed frame;
    rove__buf content;
    uint32_t ordinal = 0;
    (void)from;

    if (memcmp(record, filler, sizeof filler) == 0) {
        return;
    }
    rove__buf_init(&content, &p.own, ROVE_SEALED_MAX);
    assert_int_equal(rove__opening_begin(&opening, &keys.crypto, key), ROVE_OK);
    assert_int_equal(rove__opening_content(&opening, record, size, &content, &ordinal), ROVE_OK);
    if (rove__sealed_kind(record, size) == ROVE_SEALED_BATCH) {
        assert_int_equal(rove__sealed_read(&frame, ordinal, content.data, content.size), ROVE_OK);
        assert_int_equal(frame.batch.replica, PHONE_NUMBER);
        take_batch(&frame);
    } else {
        assert_int_equal(rove__sealed_kind(record, size), ROVE_SEALED_RECEIPT);
        orders_receipt(&keys, &content, &office.receipt);
        office.receipts++;
    }
    rove__opening_end(&opening);
    rove__buf_free(&content);
}

/* ---- the device ---- */

static void prepare(void) {
    memset(&office, 0, sizeof office);
    orders_prepare(&p, &keys, "client_wipe");
    p.ports.keyring = is_sealed ? keyring_with(&p.keys, SECRET) : (rove_keyring){NULL, NULL, NULL};
    p.take = take_record;
    phone_open(&p);
    phone_enroll(&p);
    p.accounts = 3;
    p.safe = 1;
    for (size_t i = 0; i < kept; i++) {
        (void)phone_account(&p, CANARY);
        phone_ok(&p, rove_sync(p.replica, NULL, NULL, &p.error));
    }
    phone_ok(&p, rove_sync(p.replica, NULL, NULL, &p.error));
    for (unsent = 0; unsent < UNSENT; unsent++) {
        (void)phone_account(&p, CANARY);
    }
}

static int set_up_plain(void **state) {
    (void)state;
    is_sealed = 0;
    prepare();
    return 0;
}

static int set_up_sealed(void **state) {
    (void)state;
    is_sealed = 1;
    prepare();
    return 0;
}

static int set_up_kept(void **state) {
    (void)state;
    is_sealed = 1;
    kept = 3;
    prepare();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    kept = 0;
    phone_stop(&p);
    seals_close(&keys);
    return 0;
}

static size_t file_size(const char *name) {
    char path[192];
    struct stat info;

    (void)snprintf(path, sizeof path, "%s/%s", p.folder, name);
    return stat(path, &info) == 0 ? (size_t)info.st_size + 1 : 0;
}

/* In any file of the folder. */
static int is_in_folder(const void *word, size_t size) {
    static uint8_t bytes[1 << 22];
    char path[400];
    int found = 0;
    DIR *folder = opendir(p.folder);

    assert_non_null(folder);
    for (struct dirent *at = readdir(folder); at != NULL; at = readdir(folder)) {
        (void)snprintf(path, sizeof path, "%s/%s", p.folder, at->d_name);
        FILE *file = at->d_name[0] != '.' ? fopen(path, "rb") : NULL;
        size_t length = file != NULL ? fread(bytes, 1, sizeof bytes, file) : 0;
        for (size_t i = 0; i + size <= length && !found; i++) {
            found = memcmp(bytes + i, word, size) == 0;
        }
        if (file != NULL) {
            (void)fclose(file);
        }
    }
    (void)closedir(folder);
    return found;
}

/* Nothing but what has to be delivered, and what that takes. */
static void nothing_is_left(void) {
    static const char *const gone[] = {"core.key",       "replica.db",     "replica.db-wal",
                                       "replica.db-shm", "replica.db-log", "identity"};

    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) {
        assert_int_equal(file_size(gone[i]), 0);
    }
    assert_false(is_in_folder(CANARY, strlen(CANARY)));
    assert_false(is_in_folder("Account 1", 9));
}

/* Headquarters gets all of it; then the folder is as good as new. */
static void is_delivered(const uint8_t nonce[ROVE_ORDER_NONCE_SIZE]) {
    rove_drop_report report = {.size = sizeof report};

    p.now.wall_ms++;
    phone_ok(&p, rove_drop_send(&p.ports, p.folder, NULL, NULL, &report, &p.error));
    assert_int_equal(office.batches, 1 + kept);
    assert_int_equal(office.canaries, 1 + kept);
    assert_true(office.receipts >= 1);
    assert_memory_equal(office.receipt.nonce, nonce, ROVE_ORDER_NONCE_SIZE);
    assert_int_equal(office.receipt.kind, ROVE_ORDER_WIPE);
    assert_int_equal(office.receipt.replica, PHONE_NUMBER);
    assert_int_equal(office.receipt.sealed_batches, 1);
    assert_int_equal(office.receipt.sealed_changes, unsent);
    assert_int_equal(office.receipt.records_left, 0);
    assert_int_equal(file_size("drop.box") + file_size("drop.to") + file_size("orders"), 0);
    if (p.replica == NULL) {
        phone_open(&p);
        assert_int_equal(phone_state(&p).enrolled, 0);
        assert_int_equal(phone_state(&p).records, 0);
    }
}

static const uint8_t by_rep[ROVE_ORDER_NONCE_SIZE];

static rove_status opens_again(void) {
    phone_close(&p);
    return rove_open(&p.ports, p.folder, &p.replica, &p.error);
}

/* ---- what it comes to ---- */

static void every_call_says_wiped(void) {
    rove_field fields[] = {{"name", rove_text("Bakery")}};
    rove_state state = {.size = sizeof state};
    rove_query *query = NULL;
    rove_wait *wait = NULL;
    rove_exchange *exchange = NULL;
    char code[ROVE_INVITATION_SIZE];
    void *bytes = NULL;
    size_t size = 0;
    rove_id id = 0;
    uint64_t left = 0;

    phone_is(&p, rove_query_new(p.replica, "SELECT 1", NULL, 0, &query, &p.error), ROVE_WIPED);
    phone_is(&p, rove_get_packed(p.replica, "Account", 1, &bytes, &size, &p.error), ROVE_WIPED);
    phone_is(&p, rove_insert(p.replica, "Account", fields, 1, &id, &p.error), ROVE_WIPED);
    phone_is(&p, rove_begin(p.replica, &p.error), ROVE_WIPED);
    phone_is(&p, rove_read_state(p.replica, &state, &p.error), ROVE_WIPED);
    phone_is(&p, rove_verify(p.replica, NULL, &p.error), ROVE_WIPED);
    phone_is(&p, rove_tidy(p.replica, &p.error), ROVE_WIPED);
    phone_is(&p, rove_lock(p.replica, &p.error), ROVE_WIPED);
    phone_is(&p, rove_unlock(p.replica, &p.error), ROVE_WIPED);
    phone_is(&p, rove_replace_key(p.replica, &p.error), ROVE_WIPED);
    phone_is(&p, rove_quarantine_retry(p.replica, &left, &p.error), ROVE_WIPED);
    phone_is(&p, rove_rejection_discard(p.replica, 1, &p.error), ROVE_WIPED);
    phone_is(&p, rove_enroll(p.replica, PHONE_URL, phone_code(&p, code), &p.error), ROVE_WIPED);
    phone_is(&p, rove_wait_new(p.replica, &p.ports.transport, &wait, &p.error), ROVE_WIPED);
    phone_is(&p, rove_exchange_new(p.replica, 0, &exchange, &p.error), ROVE_WIPED);
    phone_is(&p, rove_wipe(p.replica, &p.error), ROVE_OK);
}

static void a_rep_wipes_it(void **state) {
    uint8_t key[ROVE_KEY_DER_MAX];
    (void)state;

    size_t key_size = p.replica->credentials->key_size;
    memcpy(key, p.replica->credentials->key, key_size);
    assert_true(is_sealed || is_in_folder(key, key_size));
    assert_true(is_sealed || is_in_folder(CANARY, strlen(CANARY)));
    phone_ok(&p, rove_wipe(p.replica, &p.error));
    nothing_is_left();
    assert_false(is_in_folder(key, key_size)); /* nobody signs as this device any more */
    assert_int_equal(p.replica->store->signer_size, 0);
    assert_true(file_size("drop.box") > 1);
    every_call_says_wiped();
    assert_true(file_size("drop.box") > 1);
    assert_int_equal(opens_again(), ROVE_WIPED);
    assert_int_equal(opens_again(), ROVE_WIPED);
    is_delivered(by_rep);
}

static void a_sync_of_the_handle_delivers(void **state) {
    (void)state;
    phone_ok(&p, rove_wipe(p.replica, &p.error));
    phone_is(&p, rove_sync(p.replica, NULL, NULL, &p.error), ROVE_WIPED);
    assert_int_equal(office.batches, 1);
    is_delivered(by_rep);
    every_call_says_wiped();
}

/* Where this folder no longer finds headquarters, whose key was rotated: what lies in the box says by itself whose it is. */
static void another_device_delivers_its_drop_box(void **state) {
    static uint8_t box[ROVE_DROP_MAX];
    const rove_files *files = &p.ports.files;
    char path[160];
    size_t size = 0;
    phone other;
    (void)state;

    phone_ok(&p, rove_wipe(p.replica, &p.error));
    snprintf(path, sizeof path, "%s/drop.box", p.folder);
    phone_ok(&p, files->read(files->ctx, path, box, sizeof box, &size, &p.error));
    phone_prepare(&other, "client_wipe_other");
    memcpy(other.pin, p.pin, sizeof other.pin);
    other.seal_key = p.seal_key;
    other.take = take_record;
    other.number = p.number + 1;
    phone_open(&other);
    phone_enroll(&other);
    snprintf(path, sizeof path, "%s/drop.box", other.folder);
    phone_ok(&other, files->replace(files->ctx, path, box, size, &other.error));
    phone_ok(&other, rove_sync(other.replica, NULL, NULL, &other.error));
    assert_int_equal(office.batches, 1);
    assert_int_equal(office.canaries, 1);
    assert_int_equal(office.receipts, 1);
    phone_stop(&other);
}

static void headquarters_orders_it(void **state) {
    (void)state;
    orders_give(&p, &keys, ROVE_ORDER_WIPE);
    phone_is(&p, rove_sync(p.replica, NULL, NULL, &p.error), ROVE_WIPED);
    nothing_is_left();
    every_call_says_wiped();
    assert_int_equal(opens_again(), ROVE_WIPED);
    is_delivered(p.order + 6);
}

static void what_headquarters_locked_it_may_wipe(void **state) {
    (void)state;
    orders_give(&p, &keys, ROVE_ORDER_LOCK);
    phone_is(&p, rove_sync(p.replica, NULL, NULL, &p.error), ROVE_LOCKED);
    orders_give(&p, &keys, ROVE_ORDER_WIPE);
    phone_is(&p, rove_sync(p.replica, NULL, NULL, &p.error), ROVE_WIPED);
    nothing_is_left();
    phone_close(&p);
    is_delivered(p.order + 6);
}

/* Unsent work is sealed with the key; so it waits, and shows nothing. */
static void what_is_locked_with_a_pin_is_wiped_when_it_is_unlocked(void **state) {
    (void)state;
    phone_ok(&p, rove_wrap_key(p.replica, NULL, "1234", 4, &p.error));
    phone_ok(&p, rove_lock(p.replica, &p.error));
    orders_give(&p, &keys, ROVE_ORDER_WIPE);
    phone_is(&p, rove_sync(p.replica, NULL, NULL, &p.error), ROVE_LOCKED);
    assert_true(file_size("core.key") > 1);
    phone_is(&p, rove_unlock(p.replica, &p.error), ROVE_CANCELLED);
    assert_true(file_size("core.key") > 1);
    p.keys.pin = "1234";
    phone_is(&p, rove_unlock(p.replica, &p.error), ROVE_WIPED);
    nothing_is_left();
    phone_close(&p);
    is_delivered(p.order + 6);
}

static void or_when_it_is_opened(void **state) {
    (void)state;
    phone_ok(&p, rove_wrap_key(p.replica, NULL, "1234", 4, &p.error));
    phone_ok(&p, rove_lock(p.replica, &p.error));
    orders_give(&p, &keys, ROVE_ORDER_WIPE);
    phone_is(&p, rove_sync(p.replica, NULL, NULL, &p.error), ROVE_LOCKED);
    assert_int_equal(opens_again(), ROVE_CANCELLED); /* no PIN */
    p.keys.pin = "1234";
    assert_int_equal(opens_again(), ROVE_WIPED);
    nothing_is_left();
    is_delivered(p.order + 6);
}

/* ---- what it must not cost ---- */

/* With names that cannot be made smaller. */
static void add_unsent(int count) {
    uint64_t drawn = 1;

    for (int i = 0; i < count; i++, unsent++) {
        char name[121] = "";
        for (size_t at = 0; at < sizeof name - 1; at++) {
            drawn = drawn * 6364136223846793005U + 1442695040888963407U;
            name[at] = (char)('a' + (drawn >> 33) % 26);
        }
        (void)phone_account(&p, name);
    }
}

/* The receipt would find room, and the work does not: nothing is wiped before that has. */
static void a_full_drop_box_is_delivered_first(void **state) {
    static uint8_t large[ROVE_SEALED_MAX];
    rove__drop drop;
    (void)state;

    add_unsent(60);
    memcpy(large, filler, sizeof filler);
    phone_ok(&p, rove__drop_open(&drop, &p.ports, p.folder, &p.error));
    rove_status status = ROVE_OK;
    for (size_t size = sizeof large; size > 1000; size /= 2) {
        do {
            status = rove__drop_add(&drop, (rove__bytes){large, size}, &p.error);
        } while (status == ROVE_OK);
        assert_int_equal(status, ROVE_FULL);
    }
    phone_ok(&p, rove__drop_save(&drop, &p.error));
    rove__drop_close(&drop);
    phone_is(&p, rove_wipe(p.replica, &p.error), ROVE_FULL);
    assert_true(file_size("replica.db") > 1);
    rove_query *query = NULL;
    phone_is(&p, rove_query_new(p.replica, "SELECT 1", NULL, 0, &query, &p.error), ROVE_LOCKED);
    phone_is(&p, rove_sync(p.replica, NULL, NULL, &p.error), ROVE_WIPED);
    nothing_is_left();
    phone_close(&p);
    is_delivered(by_rep);
}

static void without_an_identity_there_is_nobody_to_seal_for(void **state) {
    char path[128];
    (void)state;

    phone_close(&p);
    (void)snprintf(path, sizeof path, "%s/identity", p.folder);
    assert_int_equal(unlink(path), 0);
    phone_open(&p);
    phone_is(&p, rove_wipe(p.replica, &p.error), ROVE_NOT_ENROLLED);
    assert_int_equal(phone_state(&p).pending, UNSENT);
    assert_int_equal(file_size("orders"), 0);
}

static void who_never_enrolled_has_nothing_to_deliver(void **state) {
    phone other;
    (void)state;

    phone_prepare(&other, "client_wipe_other");
    phone_open(&other);
    phone_ok(&other, rove_wipe(other.replica, &other.error));
    phone_close(&other);
    phone_is(&other, rove_open(&other.ports, other.folder, &other.replica, &other.error),
             ROVE_WIPED);
    phone_ok(&other, rove_drop_send(&other.ports, other.folder, NULL, NULL, NULL, &other.error));
    phone_open(&other);
    phone_stop(&other);
}

static void every_failure_of_memory_can_be_made_up_for(void **state) {
    rove_status status = ROVE_NOMEM;
    (void)state;

    for (size_t n = 1; status != ROVE_OK; n++) {
        p.memory.calls = 0;
        p.memory.fail_at = n;
        status = rove_wipe(p.replica, &p.error);
        p.memory.fail_at = 0;
        assert_true(status == ROVE_OK || status == ROVE_NOMEM);
        assert_true(status == ROVE_OK || file_size("replica.db") > 1);
    }
    nothing_is_left();
    phone_close(&p);
    is_delivered(by_rep);
}

/* Some of the last of SQLite's allocations fail, one in each wipe: whatever the app calls next goes on. */
static void a_lack_of_memory_in_the_end_can_be_made_up_for(void **state) {
    int failed = 0;
    int reached = 1;

    faults_arm(&faults_memory, SIZE_MAX, 0, 0); /* they are counted */
    phone_ok(&p, rove_wipe(p.replica, &p.error));
    for (size_t at = faults_memory.calls - 90; reached; at += 7) {
        (void)tear_down(state);
        (void)(is_sealed ? set_up_sealed(state) : set_up_plain(state));
        faults_arm(&faults_memory, at, 0, 0);
        rove_status status = rove_wipe(p.replica, &p.error);
        reached = faults_memory.calls >= at;
        faults_arm(&faults_memory, 0, 0, 0);
        assert_true(status == ROVE_OK || status == ROVE_NOMEM);
        failed += status != ROVE_OK;
        if (at % 3 == 0) {
            phone_is(&p, rove_sync(p.replica, NULL, NULL, &p.error), ROVE_WIPED);
        } else if (at % 3 == 1) {
            phone_is(&p, rove_unlock(p.replica, &p.error), ROVE_WIPED);
        } else {
            phone_ok(&p, rove_wipe(p.replica, &p.error));
        }
        nothing_is_left();
        phone_close(&p);
        is_delivered(by_rep);
    }
    assert_true(failed > 5);
}

/* ---- killed ---- */

static rove_files real_files;
static int changes_left; /* of small files; then the process is killed */

static void count_down(void) {
    if (changes_left-- == 0) {
        _exit(99);
    }
}

static rove_status kill_replace(void *ctx, const char *path, const void *bytes, size_t size,
                                rove_error *error) {
    count_down();
    return real_files.replace(ctx, path, bytes, size, error);
}
static rove_status kill_append(void *ctx, const char *path, const void *bytes, size_t size,
                               rove_error *error) {
    if (changes_left == 0) {
        (void)real_files.append(ctx, path, bytes, size / 2, error);
    }
    count_down();
    return real_files.append(ctx, path, bytes, size, error);
}
static rove_status kill_remove(void *ctx, const char *path, rove_error *error) {
    count_down();
    return real_files.remove(ctx, path, error);
}
static rove_status kill_erase(void *ctx, const char *path, rove_error *error) {
    count_down();
    return real_files.erase(ctx, path, error);
}

static void wipe_and_die(void) {
    phone_open(&p);
    rove_files *files = &p.replica->ports.files;
    real_files = *files;
    files->replace = kill_replace;
    files->append = kill_append;
    files->remove = kill_remove;
    files->erase = kill_erase;
    rove_status status =
        p.order_size > 0 ? rove_sync(p.replica, NULL, NULL, NULL) : rove_wipe(p.replica, NULL);
    _exit(status == ROVE_OK || status == ROVE_WIPED ? 0 : 1);
}

/* 1: it lived. */
static int is_wiped_by_a_child(int changes) {
    int status = 0;

    (void)fflush(NULL);
    changes_left = changes;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        wipe_and_die();
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 99);
    return WEXITSTATUS(status) == 0;
}

/* Whoever opens it next goes on; what had not begun is as it was. */
static void goes_on(void) {
    rove_status status = rove_open(&p.ports, p.folder, &p.replica, &p.error);

    if (status == ROVE_OK) {
        assert_int_equal(phone_state(&p).pending, UNSENT);
        status = p.order_size > 0 ? rove_sync(p.replica, NULL, NULL, &p.error)
                                  : rove_wipe(p.replica, &p.error);
        assert_int_equal(status, p.order_size > 0 ? ROVE_WIPED : ROVE_OK);
        phone_close(&p);
    } else {
        assert_int_equal(status, ROVE_WIPED);
    }
}

/* Somebody sends what is in the drop box before anybody opens the replica: the order does not go before what it keeps shut. */
static void who_delivers_first_wipes_the_rest(void **state) {
    int wiped = 0;
    int lived = 0;

    for (int n = 0; !lived; n++) {
        if (n > 0) {
            (void)(is_sealed ? set_up_sealed(state) : set_up_plain(state));
        }
        phone_close(&p);
        lived = is_wiped_by_a_child(n);
        phone_ok(&p, rove_drop_send(&p.ports, p.folder, NULL, NULL, NULL, &p.error));
        if (file_size("orders") == 0 && office.receipts > 0) {
            nothing_is_left();
            wiped++;
        }
        if (!lived) {
            (void)tear_down(state);
        }
    }
    assert_true(wiped > 5);
}

static void kill_at_every_step(void **state, int ordered) {
    const size_t keeps = kept;
    int lived = 0;
    int n = 0;

    for (; !lived; n++) {
        if (n > 0) {
            kept = keeps;
            (void)(is_sealed ? set_up_sealed(state) : set_up_plain(state));
        }
        if (ordered) {
            orders_give(&p, &keys, ROVE_ORDER_WIPE);
        }
        phone_close(&p);
        lived = is_wiped_by_a_child(n);
        goes_on();
        nothing_is_left();
        is_delivered(ordered ? p.order + 6 : by_rep);
        if (!lived) {
            (void)tear_down(state);
        }
    }
    assert_true(n > 12);
}

static void killed_at_every_step_it_goes_on(void **state) {
    kill_at_every_step(state, 0);
}

static void killed_at_every_step_of_an_order_it_goes_on(void **state) {
    kill_at_every_step(state, 1);
}

/* ---- what headquarters has, and no backup of it ---- */

static rove_drop_state box(void) {
    rove_drop_state now = {.size = sizeof now};

    phone_ok(&p, rove_drop_read(&p.ports, p.folder, &now, &p.error));
    return now;
}

/* A headquarters that is restored from an older backup gets all that the device had kept for it. */
static void what_no_backup_has_is_kept_in_the_drop_box(void **state) {
    (void)state;
    phone_ok(&p, rove_wipe(p.replica, &p.error));
    nothing_is_left();
    assert_int_equal(box().kept, kept);
    assert_int_equal(box().waiting, 2); /* what was not sent, and the receipt */
    phone_is(&p, rove_sync(p.replica, NULL, NULL, &p.error), ROVE_WIPED);
    assert_int_equal(office.batches, 1); /* the rest when there may be a backup */
    assert_int_equal(box().waiting, 0);
    assert_int_equal(box().kept, kept);
    phone_close(&p);
    is_delivered(by_rep); /* and its receipt has none of it */
    for (size_t i = 0; i < kept; i++) {
        assert_int_equal(office.numbers[1 + i], i + 1);
    }
}

static void what_a_backup_has_is_not(void **state) {
    (void)state;
    p.safe = p.seq - 1;
    phone_ok(&p, rove_sync(p.replica, NULL, NULL, &p.error));
    phone_ok(&p, rove_wipe(p.replica, &p.error));
    kept = 2; /* the last of them, and what the sync has sent */
    assert_int_equal(box().kept, kept);
    assert_int_equal(box().waiting, 1);
}

/* Nobody knows of a backup, so nobody has to wait for one. */
static void where_no_backup_is_made_nothing_waits_for_one(void **state) {
    (void)state;
    p.safe = 0;
    phone_ok(&p, rove_sync(p.replica, NULL, NULL, &p.error));
    phone_ok(&p, rove_wipe(p.replica, &p.error));
    assert_int_equal(box().kept, kept + 1);
    phone_is(&p, rove_sync(p.replica, NULL, NULL, &p.error), ROVE_WIPED);
    assert_int_equal(box().kept + box().waiting, 0);
    assert_int_equal(office.batches, kept + 1);
}

static void what_was_not_sent_goes_before_what_no_backup_has(void **state) {
    static uint8_t large[ROVE_SEALED_MAX];
    rove__drop drop;
    size_t at = 0;
    size_t batches = 0;
    rove__drop_entry entry;
    (void)state;

    memcpy(large, filler, sizeof filler);
    phone_ok(&p, rove__drop_open(&drop, &p.ports, p.folder, &p.error));
    for (size_t size = sizeof large; size > 64; size /= 2) {
        while (drop.entries.size + ROVE_DROP_HEAD + size + ROOM < ROVE_DROP_MAX) {
            phone_ok(&p, rove__drop_add(&drop, (rove__bytes){large, size}, &p.error));
        }
    }
    phone_ok(&p, rove__drop_save(&drop, &p.error));
    rove__drop_close(&drop);
    phone_ok(&p, rove_wipe(p.replica, &p.error));
    phone_ok(&p, rove__drop_look(&drop, &p.ports, p.folder, &p.error));
    while (rove__drop_next(&drop, &at, &entry)) {
        batches += rove__sealed_kind(entry.record.data, entry.record.size) == ROVE_SEALED_BATCH;
    }
    rove__drop_close(&drop);
    assert_int_equal(batches, 1 + box().kept);
    assert_true(box().kept > 0 && box().kept < kept);
    phone_close(&p);
    kept = box().kept;
    is_delivered(by_rep);
}

static void killed_at_every_step_it_is_kept_all_the_same(void **state) {
    kill_at_every_step(state, 0);
}

/* One call of the file system after the other is the first that fails, and all after it. */
static void a_disk_that_fails_at_any_write_loses_nothing(void **state) {
    int failed = 0;

    for (size_t at = 1;; at += 3) {
        if (at > 1) {
            (void)(is_sealed ? set_up_sealed(state) : set_up_plain(state));
        }
        faults_wrap_files(&p.replica->ports.files);
        faults_arm(&faults_io, at, 1, SQLITE_IOERR_WRITE);
        rove_status status = rove_wipe(p.replica, &p.error);
        faults_arm(&faults_io, 0, 0, 0);
        phone_close(&p);
        if (status != ROVE_OK) {
            failed++;
        }
        goes_on();
        nothing_is_left();
        is_delivered(by_rep);
        if (status == ROVE_OK) {
            break;
        }
        (void)tear_down(state);
    }
    assert_true(failed > 5);
}

static rove_status erase_all_but_one(void *ctx, const char *path, rove_error *error) {
    const char *name = strrchr(path, '/') + 1;

    return strcmp(name, "replica.db") == 0 ? rove__error_set(error, ROVE_IO, "The disk is tired.")
                                           : real_files.erase(ctx, path, error);
}

/* Who wiped it is not told that it is done while a file of it is there. */
static void a_file_that_cannot_be_removed_is_told_and_goes_later(void **state) {
    (void)state;
    real_files = p.replica->ports.files;
    p.replica->ports.files.erase = erase_all_but_one;
    phone_is(&p, rove_wipe(p.replica, &p.error), ROVE_IO);
    assert_non_null(strstr(p.error.message, "The disk is tired."));
    every_call_says_wiped();
    assert_int_not_equal(file_size("replica.db"), 0);
    p.replica->ports.files.erase = real_files.erase;
    phone_is(&p, rove_sync(p.replica, NULL, NULL, &p.error), ROVE_WIPED);
    phone_close(&p);
    nothing_is_left();
}

#define BOTH(test)                                                                                 \
    {#test " (plain)", test, set_up_plain, tear_down, NULL}, {                                     \
#test " (encrypted)", test, set_up_sealed, tear_down, NULL                                 \
    }
#define KEPT(test)                                                                                 \
    { #test, test, set_up_kept, tear_down, NULL }
#define SEALED(test)                                                                               \
    { #test, test, set_up_sealed, tear_down, NULL }

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(a_rep_wipes_it),
        BOTH(a_sync_of_the_handle_delivers),
        BOTH(another_device_delivers_its_drop_box),
        BOTH(headquarters_orders_it),
        BOTH(what_headquarters_locked_it_may_wipe),
        SEALED(what_is_locked_with_a_pin_is_wiped_when_it_is_unlocked),
        SEALED(or_when_it_is_opened),
        BOTH(a_full_drop_box_is_delivered_first),
        BOTH(without_an_identity_there_is_nobody_to_seal_for),
        BOTH(who_never_enrolled_has_nothing_to_deliver),
        BOTH(every_failure_of_memory_can_be_made_up_for),
        BOTH(a_lack_of_memory_in_the_end_can_be_made_up_for),
        BOTH(who_delivers_first_wipes_the_rest),
        BOTH(killed_at_every_step_it_goes_on),
        BOTH(killed_at_every_step_of_an_order_it_goes_on),
        KEPT(what_no_backup_has_is_kept_in_the_drop_box),
        KEPT(what_a_backup_has_is_not),
        KEPT(where_no_backup_is_made_nothing_waits_for_one),
        KEPT(what_was_not_sent_goes_before_what_no_backup_has),
        KEPT(killed_at_every_step_it_is_kept_all_the_same),
        BOTH(a_disk_that_fails_at_any_write_loses_nothing),
        BOTH(a_file_that_cannot_be_removed_is_told_and_goes_later),
    };
    if (faults_register_memory() != SQLITE_OK || sqlite3_initialize() != SQLITE_OK ||
        faults_register_vfs() != SQLITE_OK ||
        sqlite3_vfs_register(sqlite3_vfs_find(FAULTS_VFS), 1) != SQLITE_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
