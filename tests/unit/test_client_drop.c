/*
 * test_client_drop.c - work leaves a device that may not read: visits and calls that are written while it is locked, and what was
 * not sent before a wipe; sealed, kept through crashes and refusals, and sent without a certificate.
 */
#include "client/drop_post.h"
#include "faults.h"
#include "phone.h"
#include "rove/drop.h"
#include "wire/proof.h"
#include "wire/sealed_note.h"

#define HOUR     INT64_C(3600000)
#define CANARY   "Canary of Bern"
#define SENT_MAX 64

static phone p;
static seal_keys seals;

/* What headquarters got at /v1/drop, and what it says. */
static struct {
    uint8_t records[SENT_MAX][4096];
    size_t sizes[SENT_MAX];
    size_t count;
    int requests;
    const char *answers; /* a digit for each record, of all requests; past its end 1 */
    size_t answered;
    rove_status status;
    int certificate;
    int64_t trusted_now_ms;
    void (*meanwhile)(void);
} office;

static void take_drop(const rove__buf *body, rove__buf *answer) {
    for (size_t at = 0; at < body->size;) {
        size_t size = rove__u32_get(body->data + at);
        size_t said = strlen(office.answers);
        assert_true(at + 4 + size <= body->size);
        if (office.count < SENT_MAX && size <= sizeof *office.records) {
            memcpy(office.records[office.count], body->data + at + 4, size);
            office.sizes[office.count++] = size;
        }
        rove__buf_byte(
            answer, (uint8_t)(office.answered < said ? office.answers[office.answered] - '0' : 1));
        office.answered++;
        at += 4 + size;
    }
}

static rove_status route(phone *to, const rove_request *request, const rove__buf *body,
                         rove__buf *answer) {
    if (strcmp(request->url, PHONE_URL "/v1/drop") != 0) {
        to->route = NULL;
        rove_status status = phone_answer(to, request, body, answer);
        to->route = route;
        return status;
    }
    office.requests++;
    office.certificate |= request->certificate_der != NULL || request->key_der != NULL;
    office.trusted_now_ms = request->trusted_now_ms;
    assert_string_equal(request->method, "POST");
    assert_string_equal(request->content_type, "application/vnd.rove.drop");
    assert_string_equal(request->accept, "application/vnd.rove.drop");
    assert_int_equal(request->ca_size, 9);
    assert_memory_equal(request->ca_der, "authority", 9);
    assert_int_equal(request->pin[0], 0xaa);
    assert_null(request->backup_pin);
    if (office.meanwhile != NULL) {
        office.meanwhile();
    }
    if (office.status == ROVE_OK) {
        take_drop(body, answer);
    }
    return office.status;
}

static int set_up(void **state) {
    (void)state;
    memset(&office, 0, sizeof office);
    office.answers = "";
    seals_open(&seals);
    phone_prepare(&p, "client_drop");
    p.ports.keyring = keyring_with(&p.keys, 0x31);
    p.seal_key = seals.seal_key;
    p.route = route;
    p.lease_ms = 12 * HOUR;
    phone_open(&p);
    phone_enroll(&p);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    phone_stop(&p);
    seals_close(&seals);
    return 0;
}

static void goes_on(int64_t ms) {
    p.now.wall_ms += ms;
    p.now.boot_ms += ms;
}

static rove_status sync(void) {
    return rove_sync(p.replica, NULL, NULL, &p.error);
}

static rove_status drop_visit(int64_t account, uint8_t reference[ROVE_REFERENCE_SIZE]) {
    rove_field fields[] = {{"account_id", rove_int(account)}, {"purpose", rove_text(CANARY)}};

    return rove_drop_record(p.replica, "Visit", fields, 2, reference, &p.error);
}

static void must_drop(int64_t account) {
    uint8_t reference[ROVE_REFERENCE_SIZE];

    phone_ok(&p, drop_visit(account, reference));
}

static int is_in_folder(const char *word) {
    static const char *const names[] = {"replica.db", "replica.db-log", "drop.box", "drop.to"};
    static uint8_t bytes[1 << 22];
    int found = 0;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[128];
        size_t size = 0;
        snprintf(path, sizeof path, "%s/%s", p.folder, names[i]);
        if (p.ports.files.read(p.ports.files.ctx, path, bytes, sizeof bytes, &size, NULL) ==
            ROVE_OK) {
            for (size_t at = 0; at + strlen(word) <= size && !found; at++) {
                found = memcmp(bytes + at, word, strlen(word)) == 0;
            }
        }
    }
    return found;
}

static void remove_file(const char *name) {
    char path[128];

    snprintf(path, sizeof path, "%s/%s", p.folder, name);
    assert_int_equal(unlink(path), 0);
}

/* ---- what headquarters makes of it ---- */

static uint8_t content_bytes[ROVE_SEALED_MAX];

static rove__bytes open_record(size_t at) {
    rove__opening opening;
    rove__buf content;
    uint32_t ordinal = 0;

    rove__buf_init(&content, &p.own, ROVE_SEALED_MAX);
    assert_int_equal(
        rove__opening_begin(&opening, &seals.crypto,
                            (rove__bytes){seals.headquarters, seals.headquarters_size}),
        ROVE_OK);
    assert_int_equal(
        rove__opening_content(&opening, office.records[at], office.sizes[at], &content, &ordinal),
        ROVE_OK);
    size_t size = content.size;
    memcpy(content_bytes, content.data, size);
    rove__opening_end(&opening);
    rove__buf_free(&content);
    return (rove__bytes){content_bytes, size};
}

static rove__sealed_note note_at(size_t at) {
    rove__bytes content = open_record(at);
    rove__sealed_note note;
    rove__signer signer;

    assert_int_equal(rove__sealed_kind(office.records[at], office.sizes[at]), ROVE_SEALED_NOTE);
    assert_int_equal(rove__sealed_note_read(&note, content.data, content.size), ROVE_OK);
    assert_int_equal(seals_identify(NULL, note.voucher.certificate, &signer), ROVE_OK);
    assert_int_equal(signer.replica, note.replica);
    assert_int_equal(rove__sealed_note_verify(&seals.crypto,
                                              (rove__bytes){signer.public_key, signer.public_size},
                                              &note),
                     ROVE_OK);
    return note;
}

static rove_value field_of(const rove__sealed_note *note, const char *name) {
    const rove__entity *entity = rove__registry_by_number(p.registry, note->entity);
    rove__row row;

    assert_int_equal(rove__row_from_packed(&row, p.registry, entity, note->row.data, note->row.size,
                                           &p.arena, &p.error),
                     ROVE_OK);
    assert_int_equal(row.id, 0);
    return rove__row_cell(&row, (size_t)rove__entity_field_named(entity, name));
}

/* ---- notes ---- */

static void a_visit_is_written_while_it_is_locked(void **state) {
    (void)state;
    uint8_t reference[ROVE_REFERENCE_SIZE];
    rove_field fields[] = {{"account_id", rove_int(4711)}, {"purpose", rove_text(CANARY)}};
    rove_id id = 0;

    phone_ok(&p, sync());
    goes_on(HOUR);
    phone_ok(&p, rove_lock(p.replica, &p.error));
    phone_is(&p, rove_insert(p.replica, "Visit", fields, 2, &id, &p.error), ROVE_LOCKED);
    goes_on(2 * HOUR);
    phone_ok(&p, drop_visit(4711, reference));
    goes_on(1);
    must_drop(4712);
    assert_false(is_in_folder("Canary"));
    assert_false(is_in_folder("certificate"));
    rove_state now = phone_state(&p);
    assert_int_equal(now.locked, 1);
    assert_int_equal(now.dropped, 2);
    assert_int_equal(now.dropped_since_ms, PHONE_NOW_MS + 3 * HOUR);
    assert_int_equal(now.drop_refused, 0);

    /* The rep has locked it, so nothing is exchanged; but what is in the drop box goes. */
    phone_is(&p, sync(), ROVE_LOCKED);
    assert_int_equal(office.count, 2);
    assert_false(office.certificate);
    assert_int_equal(phone_state(&p).dropped, 0);
    rove__sealed_note note = note_at(0);
    rove__proof time = {.anchor = note.anchor, .at = note.at};
    assert_int_equal(note.replica, PHONE_NUMBER);
    assert_int_equal(note.ordinal, 1);
    assert_int_equal(note.schema, ROVE_SCHEMA_VERSION);
    assert_memory_equal(note.reference, reference, sizeof reference);
    assert_string_equal(rove__registry_by_number(p.registry, note.entity)->name, "Visit");
    assert_int_equal(field_of(&note, "account_id").as.integer, 4711);
    assert_int_equal(field_of(&note, "purpose").size, strlen(CANARY));
    assert_int_equal(rove__proof_time_ms(&time), PHONE_NOW_MS + p.now.boot_ms - 1);
    assert_null(rove__proof_suspect(&time));
    note = note_at(1);
    assert_int_equal(note.ordinal, 2);
    assert_int_equal(field_of(&note, "account_id").as.integer, 4712);

    /* And on, when it was opened again. */
    phone_close(&p);
    phone_open(&p);
    phone_ok(&p, rove_lock(p.replica, &p.error));
    must_drop(4713);
    phone_is(&p, sync(), ROVE_LOCKED);
    note = note_at(2);
    assert_int_equal(note.ordinal, 3);
}

static void a_call_is_written_when_the_lease_is_over(void **state) {
    (void)state;
    rove_field call[] = {{"about_id", rove_int(4711)}, {"sealed_at", rove_int(PHONE_NOW_MS)}};
    uint8_t reference[ROVE_REFERENCE_SIZE];

    phone_ok(&p, sync());
    goes_on(12 * HOUR);
    phone_ok(&p, rove_drop_record(p.replica, "Call", call, 2, reference, &p.error));
    phone_ok(&p, sync()); /* which sends it, and unlocks the replica */
    assert_int_equal(office.count, 1);
    rove__sealed_note note = note_at(0);
    assert_string_equal(rove__registry_by_number(p.registry, note.entity)->name, "Call");
    assert_int_equal(field_of(&note, "sealed_at").as.integer, PHONE_NOW_MS);
    assert_int_equal(phone_state(&p).locked, 0);
    phone_is(&p, rove_drop_record(p.replica, "Call", call, 2, reference, &p.error), ROVE_STATE);
    assert_int_equal(phone_state(&p).dropped, 0);
}

static rove_value long_text(void) {
    static char text[300];

    memset(text, 'x', sizeof text - 1);
    return rove_text(text);
}

static void what_needs_no_other_record_is_asked(void **state) {
    static const uint8_t zeros[ROVE_REFERENCE_SIZE];
    rove_field none[] = {{"purpose", rove_text("of nobody")}};
    rove_field unknown[] = {{"account_id", rove_int(1)}, {"colour", rove_text("red")}};
    rove_field large[] = {{"account_id", rove_int(1)}, {"purpose", long_text()}};
    rove_field range[] = {{"account_id", rove_int(-1)}};
    rove_field name[] = {{"name", rove_text("Ajax")}};
    uint8_t reference[ROVE_REFERENCE_SIZE];
    (void)state;

    phone_ok(&p, rove_lock(p.replica, &p.error));
#define REFUSED(entity, fields, count, expected)                                                   \
    do {                                                                                           \
        memset(reference, 1, sizeof reference);                                                    \
        phone_is(&p, rove_drop_record(p.replica, entity, fields, count, reference, &p.error),      \
                 expected);                                                                        \
        assert_string_not_equal(p.error.message, "");                                              \
        assert_memory_equal(reference, zeros, sizeof reference);                                   \
    } while (0)
    REFUSED("Visit", none, 1, ROVE_REQUIRED);
    REFUSED("Visit", NULL, 0, ROVE_REQUIRED);
    REFUSED("Visit", unknown, 2, ROVE_UNKNOWN_FIELD);
    REFUSED("Visit", large, 2, ROVE_TOO_BIG);
    REFUSED("Visit", range, 1, ROVE_RANGE);
    REFUSED("Account", name, 1, ROVE_INVALID);
    REFUSED("Colour", name, 1, ROVE_UNKNOWN_ENTITY);
#undef REFUSED
    assert_int_equal(phone_state(&p).dropped, 0);
    phone_is(&p, rove_drop_record(NULL, "Visit", none, 1, reference, &p.error), ROVE_INVALID);
    phone_is(&p, rove_drop_record(p.replica, "Visit", NULL, 1, reference, &p.error), ROVE_INVALID);
    phone_is(&p, rove_drop_record(p.replica, "Visit", none, 1, NULL, &p.error), ROVE_INVALID);
}

/* The key that headquarters has by now, and not the one that it had at enrolment. */
static void it_is_sealed_to_whom_headquarters_is_now(void **state) {
    uint8_t reference[ROVE_REFERENCE_SIZE];
    (void)state;

    phone_close(&p);
    phone_forget(p.folder);
    p.seal_key = NULL;
    phone_open(&p);
    phone_enroll(&p);
    phone_ok(&p, rove_lock(p.replica, &p.error));
    phone_is(&p, drop_visit(1, reference), ROVE_NOT_ENROLLED);
    phone_ok(&p, rove_unlock(p.replica, &p.error));
    p.welcome_seal_key = seals.seal_key;
    phone_ok(&p, sync());
    phone_close(&p);
    phone_open(&p);
    phone_ok(&p, rove_lock(p.replica, &p.error));
    must_drop(4711);
    phone_is(&p, sync(), ROVE_LOCKED);
    assert_int_equal(note_at(0).ordinal, 1);
}

static void who_is_not_enrolled_has_nobody_to_seal_to(void **state) {
    uint8_t reference[ROVE_REFERENCE_SIZE];
    (void)state;

    phone_close(&p);
    phone_forget(p.folder);
    phone_open(&p);
    phone_ok(&p, rove_lock(p.replica, &p.error));
    phone_is(&p, drop_visit(1, reference), ROVE_NOT_ENROLLED);
}

static void without_memory_a_note_is_not_half_written(void **state) {
    uint8_t reference[ROVE_REFERENCE_SIZE];
    rove_status status = ROVE_NOMEM;
    (void)state;

    phone_ok(&p, rove_lock(p.replica, &p.error));
    for (size_t n = 1; status == ROVE_NOMEM; n++) {
        p.memory.calls = 0;
        p.memory.fail_at = n;
        p.error.message[0] = '\0';
        status = drop_visit(1, reference);
        p.memory.fail_at = 0;
        assert_true(status == ROVE_OK || p.error.message[0] != '\0');
        assert_int_equal(phone_state(&p).dropped, status == ROVE_OK);
        assert_true(n < 200);
    }
    phone_ok(&p, status);
}

/* ---- delivery ---- */

static void what_headquarters_does_not_take_stays(void **state) {
    (void)state;
    phone_ok(&p, rove_lock(p.replica, &p.error));
    for (int i = 0; i < 3; i++) {
        must_drop(4711 + i);
    }
    office.answers = "3122"; /* the third twice, because something was taken, and then no more */
    phone_is(&p, sync(), ROVE_LOCKED);
    rove_state now = phone_state(&p);
    assert_int_equal(now.dropped, 1);
    assert_int_equal(now.drop_refused, 1);
    assert_int_equal(office.count, 4);
    phone_is(&p, sync(), ROVE_LOCKED);
    assert_int_equal(office.count, 5); /* the third once more, and never the first */
    assert_int_equal(office.sizes[4], office.sizes[2]);
    assert_memory_equal(office.records[4], office.records[2], office.sizes[2]);
    now = phone_state(&p);
    assert_int_equal(now.dropped, 0);
    assert_int_equal(now.dropped_since_ms, 0);
    assert_int_equal(now.drop_refused, 1);
    phone_is(&p, sync(), ROVE_LOCKED);
    assert_int_equal(office.requests, 3);
}

/* Headquarters says "later" of the first frames of a batch until it has the last one, and of what is too much at a time. */
static void what_was_for_later_is_told_again_while_something_is_taken(void **state) {
    (void)state;
    phone_ok(&p, rove_lock(p.replica, &p.error));
    for (int i = 0; i < 4; i++) {
        must_drop(4711 + i);
    }
    office.answers = "222121";
    phone_is(&p, sync(), ROVE_LOCKED);
    assert_int_equal(office.requests, 3);
    assert_int_equal(office.count, 4 + 3 + 1);
    assert_int_equal(phone_state(&p).dropped, 0);
}

/* Delivered, and in no backup yet: it does not wait, a sync brings it again after half a day, and whoever sends all at once. */
static void what_no_backup_has_is_brought_again(void **state) {
    rove_drop_report report = {.size = sizeof report};
    rove_drop_state now = {.size = sizeof now};
    (void)state;

    phone_ok(&p, rove_lock(p.replica, &p.error));
    must_drop(4711);
    must_drop(4712);
    office.answers = "44441";
    phone_is(&p, sync(), ROVE_LOCKED);
    assert_int_equal(office.count, 2);
    assert_int_equal(phone_state(&p).dropped, 0);
    assert_int_equal(phone_state(&p).dropped_since_ms, 0);
    assert_int_equal(phone_state(&p).drop_kept, 2);
    goes_on(11 * HOUR);
    phone_is(&p, sync(), ROVE_LOCKED);
    assert_int_equal(office.count, 2);
    goes_on(1 * HOUR);
    phone_is(&p, sync(), ROVE_LOCKED);
    assert_int_equal(office.count, 4);
    assert_memory_equal(office.records[2], office.records[0], office.sizes[0]);
    goes_on(1);
    phone_ok(&p, rove_drop_send(&p.ports, p.folder, NULL, NULL, &report, &p.error));
    assert_int_equal(report.taken, 2);
    assert_int_equal(report.kept, 0);
    assert_int_equal(phone_state(&p).drop_kept, 0);
    phone_ok(&p, rove_drop_read(&p.ports, p.folder, &now, &p.error));
    assert_int_equal(now.bytes, 0);
}

/* Headquarters has no drop box, is busy, says nonsense: the sync goes on, and nothing is lost. */
static void a_sync_does_not_wait_for_the_drop_box(void **state) {
    static const rove_status failures[] = {ROVE_NOT_FOUND, ROVE_LATER, ROVE_SERVER, ROVE_NOT_ROVE};
    (void)state;

    phone_ok(&p, rove_lock(p.replica, &p.error));
    must_drop(4711);
    phone_ok(&p, rove_unlock(p.replica, &p.error));
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        office.status = failures[i];
        int before = p.exchanges;
        phone_ok(&p, sync());
        assert_int_equal(p.exchanges, before + 1);
        assert_int_equal(phone_state(&p).dropped, 1);
    }
    office.status = ROVE_OK;
    office.answers = "9";
    phone_ok(&p, sync());
    assert_int_equal(phone_state(&p).dropped, 1);
    phone_ok(&p, sync());
    assert_int_equal(phone_state(&p).dropped, 0);
    assert_true(office.trusted_now_ms > 0);
}

static void drop_one_more(void) {
    office.meanwhile = NULL;
    must_drop(4799);
}

static void what_is_written_while_it_is_sent_stays(void **state) {
    (void)state;
    phone_ok(&p, rove_lock(p.replica, &p.error));
    must_drop(4711);
    office.meanwhile = drop_one_more;
    phone_is(&p, sync(), ROVE_LOCKED);
    assert_int_equal(office.count, 2);
    assert_int_equal(phone_state(&p).dropped, 0);
    rove__sealed_note note = note_at(1);
    assert_int_equal(field_of(&note, "account_id").as.integer, 4799);
}

static int always(void *ctx) {
    (void)ctx;
    return 1;
}

/* All that a wipe leaves is enough. */
static void it_is_sent_when_the_replica_is_gone(void **state) {
    static const char *const gone[] = {"replica.db", "core.key", "identity"};
    rove_drop_report report = {.size = sizeof report};
    rove_drop_state now = {.size = sizeof now};
    (void)state;

    phone_ok(&p, rove_lock(p.replica, &p.error));
    must_drop(4711);
    must_drop(4712);
    phone_close(&p);
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) {
        remove_file(gone[i]);
    }
    phone_ok(&p, rove_drop_read(&p.ports, p.folder, &now, &p.error));
    assert_int_equal(now.waiting, 2);
    assert_true(now.bytes > 500);
    assert_int_equal(now.oldest_ms, p.now.wall_ms);
    phone_is(&p, rove_drop_send(&p.ports, p.folder, always, NULL, &report, &p.error),
             ROVE_CANCELLED);
    assert_int_equal(office.requests, 0);
    p.refuse = ROVE_LATER;
    p.refusals = 1;
    p.retry_after_ms = 30000;
    phone_is(&p, rove_drop_send(&p.ports, p.folder, NULL, NULL, &report, &p.error), ROVE_LATER);
    assert_int_equal(report.retry_after_ms, 30000);
    office.answers = "212";
    phone_ok(&p, rove_drop_send(&p.ports, p.folder, NULL, NULL, &report, &p.error));
    assert_int_equal(report.taken, 1);
    assert_int_equal(report.later, 1);
    assert_int_equal(office.requests, 2);
    phone_ok(&p, rove_drop_send(&p.ports, p.folder, NULL, NULL, NULL, &p.error));
    phone_ok(&p, rove_drop_read(&p.ports, p.folder, &now, &p.error));
    assert_int_equal(now.waiting, 0);
    assert_int_equal(office.count, 4);
    assert_false(office.certificate);
    phone_ok(&p, rove_drop_read(&p.ports, "client_drop_nowhere", &now, &p.error));
    assert_int_equal(now.waiting, 0);
    phone_is(&p, rove_drop_read(NULL, p.folder, &now, &p.error), ROVE_INVALID);
    phone_is(&p, rove_drop_send(NULL, p.folder, NULL, NULL, NULL, &p.error), ROVE_INVALID);
}

static void nobody_is_sent_to_but_whom_it_was_for(void **state) {
    uint8_t bytes[4096];
    char path[128];
    size_t size = 0;
    (void)state;

    phone_ok(&p, rove_lock(p.replica, &p.error));
    must_drop(4711);
    phone_close(&p);
    snprintf(path, sizeof path, "%s/drop.to", p.folder);
    phone_ok(&p, p.ports.files.read(p.ports.files.ctx, path, bytes, sizeof bytes, &size, &p.error));
    for (size_t at = 0; at < size; at++) {
        bytes[at] ^= 1;
        phone_ok(&p, p.ports.files.replace(p.ports.files.ctx, path, bytes, size, &p.error));
        bytes[at] ^= 1;
        phone_is(&p, rove_drop_send(&p.ports, p.folder, NULL, NULL, NULL, &p.error),
                 ROVE_NOT_ENROLLED);
    }
    for (size_t cut = 0; cut < size; cut += 7) {
        phone_ok(&p, p.ports.files.replace(p.ports.files.ctx, path, bytes, cut, &p.error));
        phone_is(&p, rove_drop_send(&p.ports, p.folder, NULL, NULL, NULL, &p.error),
                 ROVE_NOT_ENROLLED);
    }
    remove_file("drop.to");
    phone_is(&p, rove_drop_send(&p.ports, p.folder, NULL, NULL, NULL, &p.error), ROVE_NOT_ENROLLED);
    assert_int_equal(office.requests, 0);
    /* A device that is enrolled knows it anew. */
    phone_open(&p);
    phone_ok(&p, sync());
    assert_int_equal(office.count, 1);
}

/* ---- before a wipe ---- */

static rove_status empty_outbox(rove__drop_outbox_report *report) {
    phone_ok(&p, rove__client_take(p.replica, &p.error));
    rove_status status = rove__drop_outbox(p.replica, report, &p.error);
    rove__client_give(p.replica);
    return status;
}

/* Opens record `at`, which is the only frame of batch `number`, and goes on with the chain. */
static size_t assert_batch(size_t at, uint64_t number, rove__chain *chain) {
    rove__bytes content = open_record(at);
    rove__batch_reader *reader = NULL;
    rove__sealed frame;
    rove__signer signer;
    rove__chain hash;
    rove__change change;
    size_t rows = 0;

    assert_int_equal(rove__sealed_read(&frame, 0, content.data, content.size), ROVE_OK);
    assert_int_equal(frame.batch.number, number);
    assert_int_equal(frame.batch.frames, 1);
    assert_int_equal(seals_identify(NULL, frame.batch.certificate, &signer), ROVE_OK);
    assert_int_equal(signer.replica, frame.batch.replica);
    assert_int_equal(rove__sealed_verify(&seals.crypto,
                                         (rove__bytes){signer.public_key, signer.public_size},
                                         &frame.batch),
                     ROVE_OK);
    assert_true(rove__chain_equal(&frame.batch.previous, chain));
    memset(&hash, 0, sizeof hash);
    assert_int_equal(rove__exchange_hash(&seals.crypto, frame.rows, &hash), ROVE_OK);
    assert_true(rove__chain_equal(&frame.batch.hash, &hash));
    assert_int_equal(rove__exchange_chain(&seals.crypto, chain, &hash, chain), ROVE_OK);
    assert_int_equal(
        rove__batch_reader_new(&p.own, p.registry, frame.rows.data, frame.rows.size, &reader),
        ROVE_OK);
    while (rove__batch_next(reader, &change) == ROVE_OK) {
        rows++;
    }
    rove__batch_reader_free(reader);
    return rows;
}

static void unsent_work_is_sealed_once_and_goes_on_with_its_chain(void **state) {
    rove__drop_outbox_report report;
    rove_drop_state now = {.size = sizeof now};
    (void)state;

    (void)phone_account(&p, "Sent");
    phone_ok(&p, sync());
    rove__chain chain = p.chain;
    (void)phone_account(&p, CANARY);
    (void)phone_account(&p, "Second");
    phone_ok(&p, empty_outbox(&report));
    assert_int_equal(report.batches, 1);
    assert_int_equal(report.changes, 2);
    assert_int_equal(report.left, 0);
    assert_false(is_in_folder("Canary"));
    phone_ok(&p, empty_outbox(&report)); /* killed, and begun again */
    assert_int_equal(report.batches, 1);
    (void)phone_account(&p, "Third");
    phone_ok(&p, empty_outbox(&report));
    assert_int_equal(report.batches, 2);
    assert_int_equal(report.changes, 3);
    phone_ok(&p, rove_drop_read(&p.ports, p.folder, &now, &p.error));
    assert_int_equal(now.waiting, 2);
    phone_ok(&p, rove_drop_send(&p.ports, p.folder, NULL, NULL, NULL, &p.error));
    assert_int_equal(assert_batch(0, p.judged + 1, &chain), 2);
    assert_int_equal(assert_batch(1, p.judged + 2, &chain), 1);
    /* If it is not wiped after all, it sends the same. */
    assert_int_equal(phone_state(&p).pending, 3);
    phone_ok(&p, sync());
    assert_int_equal(p.judged, 3);
    assert_true(rove__chain_equal(&p.chain, &chain));
    assert_int_equal(phone_state(&p).pending, 0);
    phone_ok(&p, empty_outbox(&report));
    assert_int_equal(report.batches, 0);
    assert_int_equal(report.changes, 0);
}

/* A headquarters that had no key when the device was enrolled, and gave one with a Welcome. */
static void unsent_work_is_sealed_to_whom_headquarters_is_now(void **state) {
    rove__drop_outbox_report report;
    (void)state;

    phone_close(&p);
    phone_forget(p.folder);
    p.seal_key = NULL;
    phone_open(&p);
    phone_enroll(&p);
    p.welcome_seal_key = seals.seal_key;
    phone_ok(&p, sync());
    (void)phone_account(&p, CANARY);
    phone_ok(&p, empty_outbox(&report));
    assert_int_equal(report.batches, 1);
    phone_ok(&p, rove_drop_send(&p.ports, p.folder, NULL, NULL, NULL, &p.error));
    (void)open_record(0);
}

static void what_does_not_fit_is_counted(void **state) {
    static uint8_t large[ROVE_SEALED_MAX] = {ROVE_SEALED_VERSION, ROVE_SEALED_RECEIPT};
    rove__drop_outbox_report report;
    rove__drop drop;
    (void)state;

    (void)phone_account(&p, "First");
    (void)phone_account(&p, "Second");
    phone_ok(&p, rove__drop_open(&drop, &p.ports, p.folder, &p.error));
    while (rove__drop_add(&drop, (rove__bytes){large, sizeof large}, &p.error) == ROVE_OK) {
    }
    size_t room = ROVE_DROP_MAX - drop.entries.size - 2 * ROVE_DROP_HEAD - 64;
    phone_ok(&p, rove__drop_add(&drop, (rove__bytes){large, room - 200}, &p.error));
    phone_ok(&p, rove__drop_save(&drop, &p.error));
    rove__drop_close(&drop);
    phone_ok(&p, empty_outbox(&report));
    assert_int_equal(report.batches, 0);
    assert_int_equal(report.changes, 0);
    assert_int_equal(report.left, 2);
    assert_int_equal(phone_state(&p).pending, 2);
}

/* The disk fails, or the power, at each write to a small file; then it is done again. */
static void a_kill_on_the_way_loses_nothing_and_doubles_nothing(void **state) {
    rove__drop_outbox_report report;
    rove_drop_state now = {.size = sizeof now};
    rove_status status = ROVE_IO;
    (void)state;

    (void)phone_account(&p, "First");
    faults_wrap_files(&p.replica->ports.files);
    for (size_t n = 1; status != ROVE_OK; n++) {
        faults_arm(&faults_io, n, 1, SQLITE_IOERR);
        status = empty_outbox(&report);
        faults_arm(&faults_io, 0, 0, 0);
        assert_int_equal(phone_state(&p).pending, 1);
        phone_ok(&p, rove_drop_read(&p.ports, p.folder, &now, &p.error));
        assert_int_equal(now.waiting, status == ROVE_OK);
        assert_true(n < 20);
    }
    assert_int_equal(report.changes, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_visit_is_written_while_it_is_locked),
        TEST(a_call_is_written_when_the_lease_is_over),
        TEST(what_needs_no_other_record_is_asked),
        TEST(it_is_sealed_to_whom_headquarters_is_now),
        TEST(who_is_not_enrolled_has_nobody_to_seal_to),
        TEST(without_memory_a_note_is_not_half_written),
        TEST(what_headquarters_does_not_take_stays),
        TEST(what_was_for_later_is_told_again_while_something_is_taken),
        TEST(what_no_backup_has_is_brought_again),
        TEST(a_sync_does_not_wait_for_the_drop_box),
        TEST(what_is_written_while_it_is_sent_stays),
        TEST(it_is_sent_when_the_replica_is_gone),
        TEST(nobody_is_sent_to_but_whom_it_was_for),
        TEST(unsent_work_is_sealed_once_and_goes_on_with_its_chain),
        TEST(unsent_work_is_sealed_to_whom_headquarters_is_now),
        TEST(what_does_not_fit_is_counted),
        TEST(a_kill_on_the_way_loses_nothing_and_doubles_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
