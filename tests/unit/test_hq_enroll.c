/*
 * test_hq_enroll.c - how a device becomes one of ours, over real HTTPS: codes, renewals, copies, revocation.
 */
#include "handset.h"

#include <pthread.h>
#include <sched.h>

#include "audit/keys.h"
#include "drop/box.h"
#include "sender.h"
#include "sync/wait.h"
#include "wake.h"

typedef struct act_list {
    hq *hq;
    char names[512];
} act_list;

static rove_status each_act(void *ctx, const rove__hq_act *act) {
    act_list *self = ctx;
    size_t used = strlen(self->names);
    (void)snprintf(self->names + used, sizeof self->names - used, "%s by '%s'; ", act->act,
                   act->operator_name);
    return ROVE_OK;
}

static rove_status list_acts(void *ctx, rove__hq_tx *tx, rove_error *error) {
    act_list *self = ctx;
    (void)error;
    return hq_database(self->hq)->directory.act_scan(tx, each_act, self);
}

/* ---- enrolment ------------------------------------------------------------------------------------------ */

static void test_enrolled(void **state) {
    world *w = *state;
    handset device;
    said s;
    act_list acts = {.hq = w->h.hq};
    assert_int_equal(enroll(w, &device), ROVE_OK);
    assert_int_equal(device.user, w->user);
    assert_true(device.replica > 1);
    assert_int_equal(exchange(w, &device), ROVE_OK);
    assert_int_equal(headquarters_run(&w->h, &s, "devices", NULL), HQ_EXIT_DONE);
    assert_non_null(strstr(s.out, "active"));
    assert_non_null(strstr(s.out, "Jo Field"));
    assert_int_equal(headquarters_run(&w->h, &s, "status", NULL), HQ_EXIT_DONE);
    assert_non_null(strstr(s.out, "Device"));
    assert_int_equal(hq_read(w->h.hq, list_acts, &acts, NULL), ROVE_OK);
    assert_string_equal(acts.names, "enroll by ''; enroll-code by 'tester'; init by 'tester'; ");
}

static void test_code_is_used_once(void **state) {
    world *w = *state;
    handset first;
    handset second;
    assert_int_equal(enroll(w, &first), ROVE_OK);
    assert_int_equal(enroll(w, &second), ROVE_CODE);
    assert_int_equal(w->response.http_status, 403);
    invite(w);
    assert_int_equal(enroll(w, &second), ROVE_OK);
    assert_int_not_equal(first.replica, second.replica);
}

static void test_code_expires(void **state) {
    world *w = *state;
    handset device;
    w->h.clock.offset_ms = 15 * MINUTE_MS;
    assert_int_equal(enroll(w, &device), ROVE_CODE);
    w->h.clock.offset_ms = 14 * MINUTE_MS;
    assert_int_equal(enroll(w, &device), ROVE_OK);
}

/* An operator may give a code longer, up to a week. */
static void test_minutes_of_a_code(void **state) {
    static const struct {
        const char *minutes;
        int exit;
    } cases[] = {{"1", HQ_EXIT_DONE},      {"10080", HQ_EXIT_DONE}, {"0", HQ_EXIT_USAGE},
                 {"10081", HQ_EXIT_USAGE}, {"-1", HQ_EXIT_USAGE},   {"", HQ_EXIT_USAGE},
                 {"15 min", HQ_EXIT_USAGE}};
    world *w = *state;
    said s;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(headquarters_run(&w->h, &s, "enroll-code", "--user", "jo", "--minutes",
                                          cases[i].minutes, NULL),
                         cases[i].exit);
    }
}

static void test_code_has_five_tries(void **state) {
    world *w = *state;
    handset device;
    uint8_t nonce[ROVE_ENROLL_NONCE_SIZE];
    uint8_t wrong[ROVE_CODE_SIZE] = {1};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(get_nonce(w, nonce), ROVE_OK);
        assert_int_equal(enroll_with(w, &device, nonce, wrong), ROVE_CODE);
    }
    assert_int_equal(enroll(w, &device), ROVE_OK); /* the fifth try is right */
    invite(w);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(get_nonce(w, nonce), ROVE_OK);
        assert_int_equal(enroll_with(w, &device, nonce, wrong), ROVE_CODE);
    }
    rove__invitation kept = w->invitation;
    invite(w); /* another code is not touched */
    assert_int_equal(enroll(w, &device), ROVE_OK);
    w->invitation = kept;
    assert_int_equal(get_nonce(w, nonce), ROVE_OK);
    assert_int_equal(enroll_with(w, &device, nonce, wrong), ROVE_CODE);
    assert_int_equal(enroll(w, &device), ROVE_CODE);
}

static void test_unknown_code(void **state) {
    world *w = *state;
    handset device;
    memset(w->invitation.code, 9, sizeof w->invitation.code);
    assert_int_equal(enroll(w, &device), ROVE_CODE);
}

/* A nonce that is not ours, or too old, says nothing about the code. */
static void test_nonce(void **state) {
    world *w = *state;
    handset device;
    uint8_t nonce[ROVE_ENROLL_NONCE_SIZE];
    assert_int_equal(get_nonce(w, nonce), ROVE_OK);
    nonce[20] ^= 1;
    assert_int_equal(enroll_with(w, &device, nonce, w->invitation.code), ROVE_LATER);
    nonce[20] ^= 1;
    w->h.clock.offset_ms = HQ_HTTP_NONCE_MS + 1000;
    assert_int_equal(enroll_with(w, &device, nonce, w->invitation.code), ROVE_LATER);
    w->h.clock.offset_ms = 0;
    assert_int_equal(enroll_with(w, &device, nonce, w->invitation.code), ROVE_OK);
}

static void test_user_who_left(void **state) {
    world *w = *state;
    handset device;
    said s;
    (void)headquarters_user_put(&w->h, w->user, "jo", 3);
    assert_int_equal(enroll(w, &device), ROVE_CODE);
    assert_int_equal(headquarters_run(&w->h, &s, "enroll-code", "--user", "jo", NULL),
                     HQ_EXIT_FAILED);
    assert_int_equal(headquarters_run(&w->h, &s, "enroll-code", "--user", "nobody", NULL),
                     HQ_EXIT_NOT_FOUND);
    assert_int_equal(headquarters_run(&w->h, &s, "enroll-code", NULL), HQ_EXIT_USAGE);
}

static void test_hostile_requests(void **state) {
    world *w = *state;
    uint8_t noise[3000];
    handset device;
    memset(noise, 1, sizeof noise);
    for (size_t size = 1; size <= 40; size += 13) {
        assert_int_equal(ask(w, "POST", "/v1/enroll", NULL, ROVE_ENROLL_CONTENT_TYPE, noise, size),
                         ROVE_PROTOCOL);
    }
    /* A good nonce, and no request behind it. */
    assert_int_equal(get_nonce(w, noise + 1), ROVE_OK);
    for (size_t size = 42; size <= sizeof noise; size = size * 3) {
        assert_int_equal(ask(w, "POST", "/v1/enroll", NULL, ROVE_ENROLL_CONTENT_TYPE, noise, size),
                         ROVE_PROTOCOL);
    }
    assert_int_equal(enroll(w, &device), ROVE_OK);
    assert_int_equal(
        ask(w, "POST", "/v1/renew", &device, ROVE_ENROLL_CONTENT_TYPE, noise, sizeof noise),
        ROVE_PROTOCOL);
}

/* ---- renewal -------------------------------------------------------------------------------------------- */

static void test_renewal(void **state) {
    world *w = *state;
    handset device;
    handset next;
    assert_int_equal(enroll(w, &device), ROVE_OK);
    assert_int_equal(renew(w, &device, &next, 0, 0), ROVE_OK);
    assert_int_equal(next.replica, device.replica);
    assert_int_equal(exchange(w, &next), ROVE_OK);
    /* The new key was seen, so the one before is over. */
    assert_int_equal(exchange(w, &device), ROVE_UNAUTHORIZED);
    assert_int_equal(renew(w, &device, &device, 0, 0), ROVE_UNAUTHORIZED);
    /* The same key may be certified again. */
    assert_int_equal(renew(w, &next, &next, 0, 1), ROVE_OK);
    assert_int_equal(exchange(w, &next), ROVE_OK);
}

static void test_lost_renewal(void **state) {
    world *w = *state;
    handset device;
    handset lost;
    handset next;
    assert_int_equal(enroll(w, &device), ROVE_OK);
    assert_int_equal(renew(w, &device, &lost, 0, 0), ROVE_OK);
    assert_int_equal(exchange(w, &device), ROVE_OK);
    assert_int_equal(renew(w, &device, &next, 0, 0), ROVE_OK);
    assert_int_equal(exchange(w, &next), ROVE_OK);
    assert_int_equal(exchange(w, &lost), ROVE_UNAUTHORIZED);
}

static void test_expired_certificate_renews_alone(void **state) {
    world *w = *state;
    handset device;
    handset next;
    assert_int_equal(enroll(w, &device), ROVE_OK);
    w->h.clock.offset_ms = 31 * DAY_MS;
    assert_int_equal(exchange(w, &device), ROVE_EXPIRED);
    assert_int_equal(w->response.http_status, 401);
    assert_int_equal(renew(w, &device, &next, 0, 0), ROVE_OK);
    assert_int_equal(exchange(w, &next), ROVE_OK);
}

static void test_expired_for_too_long(void **state) {
    world *w = *state;
    handset device;
    assert_int_equal(enroll(w, &device), ROVE_OK);
    w->h.clock.offset_ms = 431 * DAY_MS;
    assert_int_equal(renew(w, &device, &device, 0, 0), ROVE_EXPIRED);
    w->h.clock.offset_ms = 429 * DAY_MS;
    assert_int_equal(renew(w, &device, &device, 0, 0), ROVE_OK);
}

/* ---- copies (P3) ---------------------------------------------------------------------------------------- */

static void test_copy_goes_on_as_another(void **state) {
    world *w = *state;
    handset device;
    handset fresh;
    handset other;
    said s;
    assert_int_equal(enroll(w, &device), ROVE_OK);
    assert_int_equal(exchange(w, &device), ROVE_OK);
    /* The same key would leave both copies what they are. */
    assert_int_equal(renew(w, &device, &fresh, ROVE_RENEW_FRESH_REPLICA, 1), ROVE_FORK);
    assert_int_equal(renew(w, &device, &fresh, ROVE_RENEW_FRESH_REPLICA, 0), ROVE_OK);
    assert_int_not_equal(fresh.replica, device.replica);
    assert_int_equal(fresh.user, device.user);
    assert_int_equal(exchange(w, &fresh), ROVE_OK);
    /* What it is a copy of goes on under the old number, and may have another as well. */
    assert_int_equal(exchange(w, &device), ROVE_OK);
    assert_int_equal(renew(w, &device, &other, ROVE_RENEW_FRESH_REPLICA, 0), ROVE_OK);
    assert_int_equal(exchange(w, &other), ROVE_OK);
    /* With that the number is closed. */
    assert_int_equal(exchange(w, &device), ROVE_FORK);
    assert_int_equal(renew(w, &device, &device, ROVE_RENEW_FRESH_REPLICA, 0), ROVE_FORK);
    assert_int_equal(renew(w, &device, &device, 0, 0), ROVE_FORK);
    assert_int_equal(headquarters_run(&w->h, &s, "status", NULL), HQ_EXIT_DONE);
    assert_non_null(strstr(s.out, "2 active, 0 revoked, 1 replaced"));
}

static void test_lost_answer_to_a_copy(void **state) {
    world *w = *state;
    handset device;
    handset lost;
    handset fresh;
    assert_int_equal(enroll(w, &device), ROVE_OK);
    assert_int_equal(renew(w, &device, &lost, ROVE_RENEW_FRESH_REPLICA, 0), ROVE_OK);
    assert_int_equal(renew(w, &device, &fresh, ROVE_RENEW_FRESH_REPLICA, 0), ROVE_OK);
    assert_int_equal(exchange(w, &fresh), ROVE_OK);
    assert_int_equal(exchange(w, &lost), ROVE_FORK);
}

/* ---- revocation ----------------------------------------------------------------------------------------- */

static void test_revoked(void **state) {
    world *w = *state;
    handset device;
    said s;
    char replica[16];
    assert_int_equal(enroll(w, &device), ROVE_OK);
    assert_int_equal(exchange(w, &device), ROVE_OK);
    (void)snprintf(replica, sizeof replica, "%u", (unsigned)device.replica);
    assert_int_equal(headquarters_run(&w->h, &s, "revoke", replica, "--reason", "lost", NULL),
                     HQ_EXIT_DONE);
    /* On the connection that is open. */
    assert_int_equal(exchange(w, &device), ROVE_REVOKED);
    assert_int_equal(w->response.http_status, 403);
    assert_int_equal(renew(w, &device, &device, 0, 0), ROVE_REVOKED);
    assert_int_equal(renew(w, &device, &device, ROVE_RENEW_FRESH_REPLICA, 0), ROVE_REVOKED);
    w->h.clock.offset_ms = 31 * DAY_MS;
    assert_int_equal(renew(w, &device, &device, 0, 0), ROVE_REVOKED);
    w->h.clock.offset_ms = 0;
    assert_int_equal(headquarters_run(&w->h, &s, "revoke", replica, NULL), HQ_EXIT_DONE);
    assert_non_null(strstr(s.out, "already"));
    assert_int_equal(headquarters_run(&w->h, &s, "revoke", "77", NULL), HQ_EXIT_NOT_FOUND);
    assert_int_equal(headquarters_run(&w->h, &s, "revoke", "jo", NULL), HQ_EXIT_USAGE);
    invite(w);
    assert_int_equal(enroll(w, &device), ROVE_OK);
    assert_int_equal(exchange(w, &device), ROVE_OK);
}

/* A certificate of another authority, even for a number that is ours. */
static void test_foreign_authority(void **state) {
    world *w = *state;
    rove_pki_bytes key;
    rove_pki_bytes ca;
    rove_pki_bytes certificate;
    rove_pki_authority *authority = NULL;
    rove_pki_request request;
    uint8_t csr[ROVE_CSR_DER_MAX];
    size_t csr_size = 0;
    handset device;
    handset forged;
    const rove_crypto *crypto = &w->h.ports.crypto;
    int64_t now_ms = hq_now_ms(w->h.hq);
    assert_int_equal(enroll(w, &device), ROVE_OK);
    forged = device;
    assert_int_equal(rove_pki_authority_make("Acme Field Sales", now_ms, &key, &ca, NULL), ROVE_OK);
    assert_int_equal(rove_pki_authority_open(&key, &ca, &authority, NULL), ROVE_OK);
    assert_int_equal(
        crypto->csr(crypto->ctx, device.key, device.key_size, NULL, 0, csr, sizeof csr, &csr_size),
        ROVE_OK);
    assert_int_equal(rove_pki_request_read(csr, csr_size, &request, NULL), ROVE_OK);
    const rove_pki_subject subject = {.replica = device.replica, .user = w->user};
    assert_int_equal(
        rove_pki_device_issue(authority, &request, &subject, now_ms, &certificate, NULL), ROVE_OK);
    memcpy(forged.certificate, certificate.data, certificate.size);
    forged.certificate_size = certificate.size;
    assert_int_equal(exchange(w, &forged), ROVE_UNAUTHORIZED);
    rove_pki_authority_free(authority);
}

/* A certificate that our authority issued, as after the backup that headquarters was restored from. */
static handset issued(world *w, const handset *device, const rove_pki_subject *subject,
                      int64_t now_ms) {
    const rove_crypto *crypto = &w->h.ports.crypto;
    rove_pki_request request;
    rove_pki_bytes certificate;
    uint8_t csr[ROVE_CSR_DER_MAX];
    size_t csr_size = 0;
    handset given = *device;
    fresh_key(w, &given);
    assert_int_equal(
        crypto->csr(crypto->ctx, given.key, given.key_size, NULL, 0, csr, sizeof csr, &csr_size),
        ROVE_OK);
    assert_int_equal(rove_pki_request_read(csr, csr_size, &request, NULL), ROVE_OK);
    assert_int_equal(rove_pki_device_issue(hq_get_keys(w->h.hq)->authority, &request, subject,
                                           now_ms, &certificate, NULL),
                     ROVE_OK);
    memcpy(given.certificate, certificate.data, certificate.size);
    given.certificate_size = certificate.size;
    given.replica = subject->replica;
    return given;
}

static void test_a_forgotten_device_is_taken_back(void **state) {
    world *w = *state;
    handset device;
    int64_t now_ms = hq_now_ms(w->h.hq);
    assert_int_equal(enroll(w, &device), ROVE_OK);
    /* Enrolled after the backup. */
    const rove_pki_subject later = {.replica = 4711, .user = w->user};
    handset forgotten = issued(w, &device, &later, now_ms);
    assert_int_equal(exchange(w, &forgotten), ROVE_OK);
    assert_int_equal(exchange(w, &forgotten), ROVE_OK);
    /* Became another device after it. */
    const rove_pki_subject successor = {.replica = 4712, .user = w->user, .former = device.replica};
    handset copy = issued(w, &device, &successor, now_ms);
    assert_int_equal(exchange(w, &copy), ROVE_OK);
    assert_int_equal(exchange(w, &device), ROVE_OK);
    /* Got a fresh key after it. */
    const rove_pki_subject same = {.replica = 4711, .user = w->user};
    handset renewed = issued(w, &forgotten, &same, now_ms + 5000);
    assert_int_equal(exchange(w, &renewed), ROVE_OK);
    assert_int_equal(exchange(w, &forgotten), ROVE_UNAUTHORIZED);
}

typedef struct key_hunt {
    world *w;
    const handset *device;
    int found;
} key_hunt;

/* What it signed under its number can be told from what others did. */
static rove_status find_key(void *ctx, rove__hq_tx *tx, rove_error *error) {
    key_hunt *self = ctx;
    const rove_crypto *crypto = &self->w->h.ports.crypto;
    rove__hq_device known;
    audit_keys keys;
    uint8_t der[ROVE_PUBLIC_KEY_DER_MAX];
    uint8_t id[ROVE_PROOF_KEY_SIZE];
    size_t size = 0;
    (void)error;
    assert_int_equal(crypto->key_public(crypto->ctx, self->device->key, self->device->key_size, der,
                                        sizeof der, &size),
                     ROVE_OK);
    assert_int_equal(rove__proof_key(crypto, (rove__bytes){der, size}, id), ROVE_OK);
    assert_int_equal(audit_keys_read(self->w->h.hq, tx, &keys), ROVE_OK);
    const audit_key *key = audit_keys_find(&keys, id);
    self->found =
        key != NULL && key->user == self->device->user &&
        hq_database(self->w->h.hq)->store.device_get(tx, self->device->replica, 0, &known) ==
            ROVE_OK &&
        known.user == self->device->user;
    audit_keys_free(self->w->h.hq, &keys);
    return ROVE_OK;
}

static int is_known(world *w, const handset *device) {
    key_hunt hunt = {.w = w, .device = device};
    assert_int_equal(hq_read(w->h.hq, find_key, &hunt, NULL), ROVE_OK);
    return hunt.found;
}

/* It gives up a number that headquarters does not know, and its work under that is still to come. */
static void test_a_forgotten_device_that_enrols_anew_is_known_by_its_key(void **state) {
    world *w = *state;
    handset device;
    handset fresh;
    int64_t now_ms = hq_now_ms(w->h.hq);
    assert_int_equal(enroll(w, &device), ROVE_OK);
    assert_true(is_known(w, &device));
    const rove_pki_subject later = {.replica = 4711, .user = w->user};
    handset forgotten = issued(w, &device, &later, now_ms);
    assert_false(is_known(w, &forgotten));
    invite(w);
    w->shown = &forgotten;
    assert_int_equal(enroll(w, &fresh), ROVE_OK);
    assert_int_not_equal(fresh.replica, 4711);
    assert_true(is_known(w, &forgotten));
    assert_true(is_known(w, &fresh));
    /* Of a number that it knows headquarters had forgotten the newest key. */
    const rove_pki_subject same = {.replica = fresh.replica, .user = w->user};
    handset renewed = issued(w, &fresh, &same, now_ms + 5000);
    assert_false(is_known(w, &renewed));
    invite(w);
    w->shown = &renewed;
    assert_int_equal(enroll(w, &device), ROVE_OK);
    assert_true(is_known(w, &renewed));
}

/* The same device, as one that seals what it has. */
static sender sender_of(world *w, const handset *device) {
    const rove_crypto *crypto = &w->h.ports.crypto;
    sender d = {.h = &w->h, .replica = device->replica, .user = w->user};
    memcpy(d.key, device->key, device->key_size);
    d.key_size = device->key_size;
    memcpy(d.certificate.data, device->certificate, device->certificate_size);
    d.certificate.size = device->certificate_size;
    assert_int_equal(crypto->key_public(crypto->ctx, d.key, d.key_size, d.request.public_der,
                                        sizeof d.request.public_der, &d.request.public_size),
                     ROVE_OK);
    return d;
}

/* A new account of this device comes through the drop box, signed by this one. */
static void drop_signed(world *w, sender *d, const sender *signer) {
    sealed_batch batch;
    sender_batch_sized(d, signer, hq_get_keys(w->h.hq)->seal_key, "dropped", 1, 0, &batch);
    assert_int_equal(ask(w, "POST", "/v1/drop", NULL, DROP_CONTENT_TYPE, batch.records[0].data,
                         batch.records[0].size),
                     ROVE_OK);
    assert_int_equal(w->answer_size, 1);
    assert_int_equal(w->answer[0], DROP_TAKEN);
    sealed_free(&batch);
}

/* Whoever has a certificate of ours may say anything in the name of a number that headquarters does not know. */
static void test_a_forgotten_device_is_not_shut_out_by_another(void **state) {
    world *w = *state;
    handset device;
    int64_t now_ms = hq_now_ms(w->h.hq);
    assert_int_equal(enroll(w, &device), ROVE_OK);
    const rove_pki_subject later = {.replica = 4711, .user = w->user};
    handset forgotten = issued(w, &device, &later, now_ms);
    sender rogue = sender_of(w, &device);
    sender victim = sender_of(w, &forgotten);
    drop_signed(w, &victim, &rogue);
    assert_int_equal(open_reviews(&w->h), 1);
    assert_int_equal(exchange(w, &forgotten), ROVE_OK);
    /* Its chain is as it was. */
    victim.number = 0;
    memset(&victim.chain, 0, sizeof victim.chain);
    drop_signed(w, &victim, &victim);
    assert_int_equal(open_reviews(&w->h), 1);
}

/* What lies in a device's drop box comes before it does. */
static void test_a_forgotten_device_is_taken_back_after_what_it_dropped(void **state) {
    world *w = *state;
    handset device;
    int64_t now_ms = hq_now_ms(w->h.hq);
    assert_int_equal(enroll(w, &device), ROVE_OK);
    const rove_pki_subject later = {.replica = 4711, .user = w->user};
    handset forgotten = issued(w, &device, &later, now_ms);
    sender box = sender_of(w, &forgotten);
    drop_signed(w, &box, &box);
    assert_int_equal(exchange(w, &forgotten), ROVE_OK);
    assert_int_equal(exchange(w, &forgotten), ROVE_OK);
    assert_true(is_known(w, &forgotten));
    /* Its chain goes on. */
    drop_signed(w, &box, &box);
    assert_int_equal(accounts_named(&w->h, "dropped 0"), 2);
    assert_int_equal(open_reviews(&w->h), 0);
    /* A device of somebody who has left is not. */
    const rove_pki_subject left = {.replica = 4712,
                                   .user = headquarters_user_put(&w->h, 0, "left", 2)};
    handset theirs = issued(w, &device, &left, now_ms);
    box = sender_of(w, &theirs);
    drop_signed(w, &box, &box);
    assert_int_equal(exchange(w, &theirs), ROVE_UNAUTHORIZED);
}

/* Both copies of a device became others after the backup: the third that says it is one needs a code, and gets on with it. */
static void test_a_number_is_closed_after_a_restore(void **state) {
    world *w = *state;
    handset device;
    handset other;
    said s;
    int64_t now_ms = hq_now_ms(w->h.hq);
    assert_int_equal(enroll(w, &device), ROVE_OK);
    for (rove_replica replica = 4711; replica <= 4712; replica++) {
        const rove_pki_subject subject = {
            .replica = replica, .user = w->user, .former = device.replica};
        handset copy = issued(w, &device, &subject, now_ms);
        assert_int_equal(exchange(w, &copy), ROVE_OK);
    }
    assert_int_equal(renew(w, &device, &other, ROVE_RENEW_FRESH_REPLICA, 0), ROVE_FORK);
    assert_int_equal(headquarters_run(&w->h, &s, "status", NULL), HQ_EXIT_DONE);
    assert_non_null(strstr(s.out, "2 active, 0 revoked, 1 replaced"));
    assert_int_equal(exchange(w, &device), ROVE_FORK);
}

static void test_nobody_else_is_taken_back(void **state) {
    world *w = *state;
    handset device;
    int64_t now_ms = hq_now_ms(w->h.hq);
    said s;
    assert_int_equal(enroll(w, &device), ROVE_OK);
    const rove_pki_subject stranger = {.replica = 4711, .user = w->user + 1000};
    handset forged = issued(w, &device, &stranger, now_ms);
    assert_int_equal(exchange(w, &forged), ROVE_UNAUTHORIZED);
    /* Another key for a number that is known, in a certificate that is not newer. */
    const rove_pki_subject same = {.replica = device.replica, .user = w->user};
    forged = issued(w, &device, &same, now_ms - 60000);
    assert_int_equal(exchange(w, &forged), ROVE_UNAUTHORIZED);
    char number[16];
    (void)snprintf(number, sizeof number, "%u", (unsigned)device.replica);
    assert_int_equal(headquarters_run(&w->h, &s, "revoke", number, NULL), HQ_EXIT_DONE);
    forged = issued(w, &device, &same, now_ms + 5000);
    assert_int_equal(exchange(w, &forged), ROVE_UNAUTHORIZED);
}

/* ---- many at once --------------------------------------------------------------------------------------- */

#define PHONES    6
#define EXCHANGES 15

typedef struct phone {
    world w; /* shares headquarters with the others, and has its own transport */
    handset device;
    pthread_t thread;
    rove_status status;
} phone;

static void start_phone(world *w, phone *self, void *(*run)(void *)) {
    self->w = *w;
    assert_int_equal(rove_posix_transport_new(&self->w.transport, &w->h.ports.allocator), ROVE_OK);
    if (self->device.replica == 0) {
        invite(&self->w);
        assert_int_equal(enroll(&self->w, &self->device), ROVE_OK);
    }
    assert_int_equal(pthread_create(&self->thread, NULL, run, self), 0);
}

static void *exchange_often(void *ctx) {
    phone *self = ctx;
    for (int i = 0; i < EXCHANGES && self->status == ROVE_OK; i++) {
        self->status = exchange(&self->w, &self->device);
        if (i % 5 == 4 && self->status == ROVE_OK) {
            self->status = renew(&self->w, &self->device, &self->device, 0, 0);
        }
    }
    return NULL;
}

/* Devices exchange and renew while the operator writes, looks and revokes one of them. */
static void test_many_devices(void **state) {
    world *w = *state;
    phone *phones = calloc(PHONES, sizeof *phones);
    char replica[16];
    said s;
    assert_non_null(phones);
    invite(w);
    assert_int_equal(enroll(w, &phones[0].device), ROVE_OK);
    (void)snprintf(replica, sizeof replica, "%u", (unsigned)phones[0].device.replica);
    for (size_t i = 0; i < PHONES; i++) {
        start_phone(w, &phones[i], exchange_often);
    }
    for (int i = 0; i < 10; i++) {
        (void)headquarters_user_put(&w->h, 0, i % 2 == 0 ? "even" : "odd", 1);
        assert_int_equal(headquarters_run(&w->h, &s, "status", NULL), HQ_EXIT_DONE);
        assert_int_equal(ask(w, "GET", "/metrics", NULL, NULL, NULL, 0), ROVE_OK);
    }
    assert_int_equal(headquarters_run(&w->h, &s, "revoke", replica, NULL), HQ_EXIT_DONE);
    for (size_t i = 0; i < PHONES; i++) {
        (void)pthread_join(phones[i].thread, NULL);
        if (i > 0) {
            assert_int_equal(phones[i].status, ROVE_OK);
        }
    }
    assert_int_equal(exchange(&phones[0].w, &phones[0].device), ROVE_REVOKED);
    for (size_t i = 0; i < PHONES; i++) {
        rove_posix_transport_free(&phones[i].w.transport);
    }
    free(phones);
}

/* ---- memory --------------------------------------------------------------------------------------------- */

static void test_exchanges_have_so_much_memory_together(void **state) {
    world *w = *state;
    handset device;
    assert_int_equal(enroll(w, &device), ROVE_OK);
    assert_int_equal(exchange(w, &device), ROVE_OK);
    hq_http_stop(w->http);
    serve(w, 64 * 1024);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(exchange(w, &device), ROVE_LATER);
        assert_int_equal(ask(w, "GET", "/metrics", NULL, NULL, NULL, 0), ROVE_OK);
        assert_true(w->answer_size < sizeof w->answer);
        w->answer[w->answer_size] = '\0';
        assert_non_null(strstr((const char *)w->answer, "\nrove_exchange_memory_bytes 0\n"));
    }
    hq_http_stop(w->http);
    serve(w, 8 * 1024 * 1024);
    assert_int_equal(exchange(w, &device), ROVE_OK);
}

/* ---- waiting for news ----------------------------------------------------------------------------------- */

static rove_status read_cursor(void *ctx, rove__hq_tx *tx, rove_error *error) {
    world *w = ctx;
    rove__hq_head head;
    (void)error;
    rove_status status = hq_database(w->h.hq)->store.head_get(tx, &head);
    (void)snprintf(w->text, sizeof w->text, "/v1/wait?cursor=%llu.%llu",
                   (unsigned long long)head.timeline, (unsigned long long)head.seq);
    return status;
}

/* Waits from the head on. */
static void *wait_for_news(void *ctx) {
    phone *self = ctx;
    self->status = hq_read(self->w.h.hq, read_cursor, &self->w, NULL);
    if (self->status == ROVE_OK) {
        self->status = ask(&self->w, "GET", self->w.text, &self->device, NULL, NULL, 0);
    }
    return NULL;
}

/* A device that is known to wait. */
static void begin_wait(world *w, phone *self) {
    uint64_t woken = 0;
    size_t before = 0;
    wake_count(hq_get_wake(w->h.hq), &before, &woken);
    start_phone(w, self, wait_for_news);
    for (size_t now = before; now == before; (void)sched_yield()) {
        wake_count(hq_get_wake(w->h.hq), &now, &woken);
    }
}

static rove_status end_wait(phone *self) {
    (void)pthread_join(self->thread, NULL);
    rove_posix_transport_free(&self->w.transport);
    return self->status;
}

static void test_a_wait_needs_a_cursor(void **state) {
    static const char *const bad[] = {"",
                                      "?cursor",
                                      "?cursor=",
                                      "?cursor=1",
                                      "?cursor=1.",
                                      "?cursor=.1",
                                      "?cursor=1.2.3",
                                      "?cursor=1.-2",
                                      "?cursor=a.b",
                                      "?cursor=1.2%20",
                                      "?cursor=1.18446744073709551616"};
    world *w = *state;
    char path[80];
    handset device;
    assert_int_equal(ask(w, "GET", "/v1/wait?cursor=1.1", NULL, NULL, NULL, 0), ROVE_UNAUTHORIZED);
    assert_int_equal(enroll(w, &device), ROVE_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        (void)snprintf(path, sizeof path, "/v1/wait%s", bad[i]);
        assert_int_equal(ask(w, "GET", path, &device, NULL, NULL, 0), ROVE_PROTOCOL);
        assert_int_equal(w->response.http_status, 400);
    }
    /* Of a timeline that is unknown here. */
    assert_int_equal(
        ask(w, "GET", "/v1/wait?cursor=1.18446744073709551615", &device, NULL, NULL, 0), ROVE_OK);
    assert_int_equal(w->answer_size, 1);
    assert_int_equal(w->answer[0], ROVE_WAIT_CHANGED);
}

static void test_news_end_a_wait(void **state) {
    world *w = *state;
    phone *self = calloc(1, sizeof *self);
    assert_non_null(self);
    begin_wait(w, self);
    assert_int_equal(ask(w, "GET", "/metrics", NULL, NULL, NULL, 0), ROVE_OK);
    w->answer[w->answer_size] = '\0';
    assert_non_null(strstr((const char *)w->answer, "\nrove_waiting 1\n"));
    assert_non_null(strstr((const char *)w->answer, "\nrove_wakes_total 0\n"));
    (void)headquarters_user_put(&w->h, 0, "kim", 1);
    assert_int_equal(end_wait(self), ROVE_OK);
    assert_int_equal(self->w.answer_size, 1);
    assert_int_equal(self->w.answer[0], ROVE_WAIT_CHANGED);
    assert_int_equal(ask(w, "GET", "/metrics", NULL, NULL, NULL, 0), ROVE_OK);
    w->answer[w->answer_size] = '\0';
    assert_non_null(strstr((const char *)w->answer, "\nrove_waiting 0\n"));
    assert_non_null(strstr((const char *)w->answer, "\nrove_wakes_total 1\n"));
    free(self);
}

static void test_revoked_while_it_waits(void **state) {
    world *w = *state;
    phone *self = calloc(1, sizeof *self);
    char replica[16];
    said s;
    assert_non_null(self);
    begin_wait(w, self);
    (void)snprintf(replica, sizeof replica, "%u", (unsigned)self->device.replica);
    assert_int_equal(headquarters_run(&w->h, &s, "revoke", replica, NULL), HQ_EXIT_DONE);
    assert_int_equal(end_wait(self), ROVE_REVOKED);
    assert_int_equal(self->w.response.http_status, 403);
    assert_int_equal(ask(w, "GET", "/v1/wait?cursor=1.1", &self->device, NULL, NULL, 0),
                     ROVE_REVOKED);
    free(self);
}

static void test_expired_while_it_waits(void **state) {
    world *w = *state;
    phone *self = calloc(1, sizeof *self);
    assert_non_null(self);
    begin_wait(w, self);
    w->h.clock.offset_ms = 31 * DAY_MS;
    (void)headquarters_user_put(&w->h, 0, "kim", 1);
    assert_int_equal(end_wait(self), ROVE_EXPIRED);
    w->h.clock.offset_ms = 0;
    free(self);
}

/* The second one stands, and the first is told to leave it alone for a while. */
static void test_a_device_waits_at_one_place(void **state) {
    world *w = *state;
    phone *both = calloc(2, sizeof *both);
    size_t waiting = 0;
    uint64_t woken = 0;
    assert_non_null(both);
    begin_wait(w, &both[0]);
    both[1].device = both[0].device;
    start_phone(w, &both[1], wait_for_news);
    assert_int_equal(end_wait(&both[0]), ROVE_LATER);
    assert_true(both[0].w.response.retry_after_ms > 0);
    wake_count(hq_get_wake(w->h.hq), &waiting, &woken);
    assert_int_equal(waiting, 1);
    (void)headquarters_user_put(&w->h, 0, "kim", 1);
    assert_int_equal(end_wait(&both[1]), ROVE_OK);
    assert_int_equal(both[1].w.answer[0], ROVE_WAIT_CHANGED);
    free(both);
}

static void test_stopping_ends_a_wait(void **state) {
    world *w = *state;
    phone *self = calloc(1, sizeof *self);
    assert_non_null(self);
    begin_wait(w, self);
    hq_http_stop(w->http);
    w->http = NULL;
    assert_int_equal(end_wait(self), ROVE_OK);
    assert_int_equal(self->w.answer_size, 1);
    assert_int_equal(self->w.answer[0], ROVE_WAIT_NOTHING);
    free(self);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_enrolled),
        TEST(test_code_is_used_once),
        TEST(test_code_expires),
        TEST(test_minutes_of_a_code),
        TEST(test_code_has_five_tries),
        TEST(test_unknown_code),
        TEST(test_nonce),
        TEST(test_user_who_left),
        TEST(test_hostile_requests),
        TEST(test_renewal),
        TEST(test_lost_renewal),
        TEST(test_expired_certificate_renews_alone),
        TEST(test_expired_for_too_long),
        TEST(test_copy_goes_on_as_another),
        TEST(test_lost_answer_to_a_copy),
        TEST(test_revoked),
        TEST(test_foreign_authority),
        TEST(test_a_forgotten_device_is_taken_back),
        TEST(test_a_forgotten_device_that_enrols_anew_is_known_by_its_key),
        TEST(test_a_forgotten_device_is_not_shut_out_by_another),
        TEST(test_a_forgotten_device_is_taken_back_after_what_it_dropped),
        TEST(test_a_number_is_closed_after_a_restore),
        TEST(test_nobody_else_is_taken_back),
        TEST(test_many_devices),
        TEST(test_exchanges_have_so_much_memory_together),
        TEST(test_a_wait_needs_a_cursor),
        TEST(test_news_end_a_wait),
        TEST(test_revoked_while_it_waits),
        TEST(test_expired_while_it_waits),
        TEST(test_a_device_waits_at_one_place),
        TEST(test_stopping_ends_a_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
