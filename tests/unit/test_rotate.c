/*
 * test_rotate.c - the server's key and the authority are rotated while devices are away: who was told of the next one finds the
 * server, who was not is named before and keeps his work after. test_rotate_record.c has the record and what is killed.
 */
#include "outpost.h"

#include "rotation.h"
#include "tls_server.h"

#define WEEKS_MS (21 * ROVE_PKI_DAY_MS)

/* ---- devices -------------------------------------------------------------------------------------------- */

typedef struct world {
    outpost *o;
    device device;
} world;

static int set_up(void **state) {
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->o = outpost_start();
    device_start(w->o, &w->device, "rotated");
    *state = w;
    return 0;
}

static int tear_down(void **state) {
    world *w = *state;
    device_close(&w->device);
    outpost_end(w->o);
    free(w);
    return 0;
}

static void work(device *d) {
    rove_field fields[] = {{"name", rove_text("written offline")}};
    rove_id id = 0;
    assert_int_equal(rove_insert(d->replica, "Account", fields, 1, &id, &d->error), ROVE_OK);
}

/* Another process: connections that were open are not. */
static void restart(world *w) {
    device *d = &w->device;
    rove_close(d->replica);
    rove_posix_ports_free(&d->ports);
    assert_int_equal(rove_posix_ports_new(&d->ports), ROVE_OK);
    d->ports.clock = (rove_clock){device_read_clock, d};
    d->ports.app = "test";
    assert_int_equal(rove_open(&d->ports, d->folder, &d->replica, &d->error), ROVE_OK);
}

static void be_away(world *w) {
    w->o->h.clock.offset_ms += WEEKS_MS;
    w->device.now.wall_ms += WEEKS_MS;
    w->device.now.boot_ms += WEEKS_MS;
    restart(w);
}

/* Is told of the next key, and has shown that it knows it. */
static void hear(world *w) {
    device_served(&w->device, device_sync(&w->device));
    device_served(&w->device, device_sync(&w->device));
}

static void what_a_device_was_told_is_known(void **state) {
    world *w = *state;
    headquarters *h = &w->o->h;
    said s;
    run(h, &s, HQ_EXIT_DONE, "status", NULL);
    says(&s, "none; make it");
    says(&s, "1 of 1 devices know");
    run(h, &s, HQ_EXIT_NOT_FOUND, "rotate", NULL);
    make_next(h);
    run(h, &s, HQ_EXIT_DONE, "status", NULL);
    says(&s, "0 of 1 devices know");
    says(&s, "Jo Field");
    run(h, &s, HQ_EXIT_FAILED, "rotate", NULL);
    says(&s, "1 of 1 devices do not know the next key");
    says(&s, "fresh invitation");
    device_served(
        &w->device,
        device_sync(&w->device)); /* is told, and renews; the new certificate was not shown */
    run(h, &s, HQ_EXIT_FAILED, "rotate", NULL);
    device_served(&w->device, device_sync(&w->device));
    run(h, &s, HQ_EXIT_DONE, "status", NULL);
    says(&s, "1 of 1 devices know");
    rotate(h);
}

static void a_device_that_was_told_comes_back_after_weeks(void **state) {
    world *w = *state;
    headquarters *h = &w->o->h;
    uint8_t next[ROVE_SHA256_SIZE];
    rove_sync_report report;
    make_next(h);
    memcpy(next, hq_get_keys(h->hq)->next.pin, sizeof next);
    hear(w);
    rotate(h);
    assert_key(h, next);
    work(&w->device);
    be_away(w);
    device_served(&w->device, device_sync(&w->device));
    /* Its identity has the new key alone by now, and no more is asked of it. */
    assert_int_equal(rove_sync(w->device.replica, NULL, &report, &w->device.error), ROVE_OK);
    assert_int_equal(report.requests, 1);
    make_next(h);
    hear(w);
    rotate(h);
    restart(w);
    device_served(&w->device, device_sync(&w->device));
    expect(h, TRAIL_SOUND, 0);
}

static void take_back_with_a_code(world *w) {
    rove_replica before = device_state(&w->device).replica;
    device_invite(w->o, &w->device);
    assert_int_equal(device_enrol(w->o, &w->device), ROVE_OK);
    device_served(&w->device, device_sync(&w->device));
    assert_int_not_equal(device_state(&w->device).replica, before);
}

static void lock_out(world *w) {
    assert_int_equal(device_sync(&w->device), ROVE_TLS);
    assert_non_null(strstr(w->device.error.message, "not the one that is pinned"));
    assert_int_equal(device_state(&w->device).enrolled, 1);
    assert_int_equal(device_state(&w->device).pending, 1);
}

static uint64_t accounts(headquarters *h) {
    const rove__entity *entity = rove__registry_by_name(hq_registry(h->hq), "Account");
    rove__hq_tx *tx = NULL;
    uint64_t count = 0;
    const rove__hq_store *store = &hq_database(h->hq)->store;
    assert_int_equal(store->begin(store->ctx, ROVE_HQ_READ, &tx, NULL), ROVE_OK);
    assert_int_equal(hq_database(h->hq)->directory.row_count(tx, entity->number, &count), ROVE_OK);
    store->rollback(tx);
    return count;
}

static void a_device_that_knew_nothing_needs_a_code_and_keeps_its_work(void **state) {
    world *w = *state;
    said s;
    work(&w->device);
    make_next(&w->o->h);
    run(&w->o->h, &s, HQ_EXIT_DONE, "rotate", "--force");
    says(&s, "1 of 1 devices are locked out");
    restart(w);
    lock_out(w);
    take_back_with_a_code(w);
    assert_int_equal(accounts(&w->o->h), 1);
}

static void a_device_that_was_away_for_two_rotations_needs_a_code(void **state) {
    world *w = *state;
    headquarters *h = &w->o->h;
    said s;
    make_next(h);
    hear(w);
    work(&w->device);
    rotate(h);
    make_next(h);
    run(h, &s, HQ_EXIT_FAILED, "rotate", NULL);
    run(h, &s, HQ_EXIT_DONE, "rotate", "--force");
    be_away(w);
    lock_out(w);
    take_back_with_a_code(w);
    assert_int_equal(accounts(h), 1);
    expect(h, TRAIL_SOUND, 0);
}

/* One whose next key was replaced before anybody used it. */
static void another_next_key_is_told_like_the_first(void **state) {
    world *w = *state;
    headquarters *h = &w->o->h;
    uint8_t first[ROVE_SHA256_SIZE];
    said s;
    make_next(h);
    memcpy(first, hq_get_keys(h->hq)->next.pin, sizeof first);
    run(h, &s, HQ_EXIT_DONE, "next", NULL);
    says(&s, "There is a next key already");
    assert_memory_equal(hq_get_keys(h->hq)->next.pin, first, sizeof first);
    hear(w);
    run(h, &s, HQ_EXIT_DONE, "next", "--replace");
    assert_memory_not_equal(hq_get_keys(h->hq)->next.pin, first, sizeof first);
    run(h, &s, HQ_EXIT_FAILED, "rotate", NULL);
    hear(w);
    rotate(h);
    restart(w);
    device_served(&w->device, device_sync(&w->device));
}

/* Who has the key that was, and its certificate, which has not ended. */
static void the_former_key_is_good_for_nothing_once_a_device_came(void **state) {
    world *w = *state;
    headquarters *h = &w->o->h;
    rove_pki_bytes key = hq_get_keys(h->hq)->own.pem;
    rove_pki_bytes certificate = hq_get_keys(h->hq)->server;
    static const tls_route nothing[] = {{NULL, NULL, TLS_KEEP, 0}};
    make_next(h);
    hear(w);
    rotate(h);
    restart(w);
    device_served(&w->device, device_sync(&w->device));
    outpost_stop(w->o);
    const tls_server_options options = {.certificate_der = certificate.data,
                                        .certificate_size = certificate.size,
                                        .key_pem = key.data,
                                        .key_size = key.size,
                                        .manner = TLS_MANNER_NORMAL,
                                        .port = w->o->port,
                                        .routes = nothing};
    tls_server *thief = tls_server_start(&options);
    assert_int_equal(device_sync(&w->device), ROVE_TLS);
    assert_int_equal(tls_server_received(thief), 0);
    tls_server_stop(thief);
    outpost_serve(w->o);
    device_served(&w->device, device_sync(&w->device));
}

/* ---- the authority -------------------------------------------------------------------------------------- */

static void an_authority_follows_another_while_a_device_is_away(void **state) {
    world *w = *state;
    headquarters *h = &w->o->h;
    uint8_t pin[ROVE_SHA256_SIZE];
    said s;
    pin_now(h, pin);
    run(h, &s, HQ_EXIT_NOT_FOUND, "rotate", "--authority");
    run(h, &s, HQ_EXIT_NOT_FOUND, "end", NULL);
    make_next_authority(h);
    run(h, &s, HQ_EXIT_FAILED, "rotate", "--authority");
    says(&s, "1 of 1 devices do not know the next authority");
    hear(w);
    rotate_the_authority(h);
    assert_key(h, pin); /* which is as it was */
    work(&w->device);
    be_away(w);
    run(h, &s, HQ_EXIT_FAILED, "end", NULL);
    says(&s, "have a certificate of the former authority");
    make_next_authority(h);
    run(h, &s, HQ_EXIT_FAILED, "rotate", "--authority");
    says(&s, "keys end, first");
    hear(w); /* gets a certificate of the new one, and is told of the one after it */
    run(h, &s, HQ_EXIT_DONE, "end", NULL);
    restart(w);
    device_served(&w->device, device_sync(&w->device));
    rotate_the_authority(h);
    hear(w);
    run(h, &s, HQ_EXIT_DONE, "end", NULL);
    restart(w);
    device_served(&w->device, device_sync(&w->device));
    expect(h, TRAIL_SOUND, 0);
    assert_int_equal(accounts(h), 1);
}

static void key_and_authority_are_rotated_while_a_device_is_away(void **state) {
    world *w = *state;
    headquarters *h = &w->o->h;
    make_next(h);
    make_next_authority(h);
    hear(w);
    rotate_the_authority(h);
    rotate(h);
    be_away(w);
    hear(w);
    restart(w);
    device_served(&w->device, device_sync(&w->device));
}

static void a_device_that_knew_no_next_authority_needs_a_code(void **state) {
    world *w = *state;
    said s;
    work(&w->device);
    make_next_authority(&w->o->h);
    run(&w->o->h, &s, HQ_EXIT_FAILED, "rotate", "--authority");
    assert_int_equal(
        headquarters_run(&w->o->h, &s, "keys", "rotate", "--authority", "--force", NULL),
        HQ_EXIT_DONE);
    restart(w);
    assert_int_equal(device_sync(&w->device), ROVE_TLS);
    assert_non_null(strstr(w->device.error.message, "authority that this device trusts"));
    assert_int_equal(device_state(&w->device).pending, 1);
    take_back_with_a_code(w);
    assert_int_equal(accounts(&w->o->h), 1);
}

/* Certificates of the former authority are worth nothing once it is ended, though it is of the same name. */
static void a_former_authority_that_was_ended_lets_nobody_in(void **state) {
    world *w = *state;
    headquarters *h = &w->o->h;
    said s;
    make_next_authority(h);
    hear(w);
    rotate_the_authority(h);
    work(&w->device);
    run(h, &s, HQ_EXIT_DONE, "end", "--force");
    says(&s, "1 of 1 devices are locked out");
    restart(w);
    assert_int_equal(device_sync(&w->device), ROVE_UNAUTHORIZED);
    assert_int_equal(device_state(&w->device).pending, 1);
    take_back_with_a_code(w);
    /* Its certificate says nothing any more: an operator decides on its work. */
    assert_int_equal(headquarters_run(h, &s, "review", NULL), HQ_EXIT_DONE);
    says(&s, "Jo Field");
}

/* Also not who has kept his connection open. */
static void an_ended_authority_does_not_live_on_in_a_connection(void **state) {
    world *w = *state;
    headquarters *h = &w->o->h;
    said s;
    make_next_authority(h);
    hear(w);
    rotate_the_authority(h);
    run(h, &s, HQ_EXIT_DONE, "end", "--force");
    assert_int_equal(device_sync(&w->device), ROVE_UNAUTHORIZED);
    take_back_with_a_code(w);
}

/* ---- the matrix ----------------------------------------------------------------------------------------- */

/* What stands where headquarters stood: each key under each authority, all for the right name. */
enum { FORMER, PRESENT, STRANGE, KINDS };

static const char *const kind_names[KINDS] = {"former", "present", "strange"};

typedef struct stand {
    const rove_pki_authority *authorities[KINDS];
    const rove_pki_bytes *keys[KINDS];
    rove_pki_authority *strange;
    rove_pki_bytes strange_key;
} stand;

/* `before` and now: the keys of headquarters. Another authority has the same name. */
static void gather(stand *self, headquarters *h, const hq_keys *before) {
    rove_pki_bytes ca_key;
    rove_pki_bytes ca;
    const hq_keys *now = hq_get_keys(h->hq);
    assert_int_equal(
        rove_pki_authority_make("Acme Field Sales", hq_now_ms(h->hq), &ca_key, &ca, NULL), ROVE_OK);
    assert_int_equal(rove_pki_authority_open(&ca_key, &ca, &self->strange, NULL), ROVE_OK);
    assert_int_equal(rove_pki_key_make(&self->strange_key, NULL), ROVE_OK);
    self->authorities[FORMER] = before->authority;
    self->authorities[PRESENT] = now->authority;
    self->authorities[STRANGE] = self->strange;
    self->keys[FORMER] = &before->own.pem;
    self->keys[PRESENT] = &now->own.pem;
    self->keys[STRANGE] = &self->strange_key;
}

static void meet(world *w, const stand *s, device *d, int key, int authority, int welcome) {
    static const char later[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
    static const tls_route closed[] = {{"/v1/exchange", later, TLS_CLOSE, 0},
                                       {"/v1/renew", later, TLS_CLOSE, 0},
                                       {NULL, NULL, TLS_KEEP, 0}};
    static const char *const names[] = {"127.0.0.1"};
    rove_pki_bytes certificate;
    assert_int_equal(rove_pki_server_renew(s->authorities[authority], s->keys[key], names, 1,
                                           hq_now_ms(w->o->h.hq), &certificate, NULL),
                     ROVE_OK);
    const tls_server_options options = {.certificate_der = certificate.data,
                                        .certificate_size = certificate.size,
                                        .key_pem = s->keys[key]->data,
                                        .key_size = s->keys[key]->size,
                                        .manner = TLS_MANNER_NORMAL,
                                        .port = w->o->port,
                                        .routes = closed};
    tls_server *server = tls_server_start(&options);
    rove_status status = device_sync(d);
    int heard = tls_server_received(server) > 0;
    tls_server_stop(server);
    if (heard != welcome || (status == ROVE_TLS) == welcome) {
        fail_msg("%s, %s key of the %s authority: %s: %s", d->folder, kind_names[key],
                 kind_names[authority], rove_status_name(status), d->error.message);
    }
    assert_int_equal(device_state(d).enrolled, 1);
}

static void who_was_told_what_trusts_whom(void **state) {
    world *w = *state; /* its device was told nothing */
    headquarters *h = &w->o->h;
    device told;
    device past;
    stand s;
    said words;
    device_start(w->o, &told, "told");
    device_start(w->o, &past, "past");
    const hq_keys *before = hq_get_keys(h->hq);
    make_next(h);
    make_next_authority(h);
    device_served(&told, device_sync(&told));
    device_served(&past, device_sync(&past));
    run(h, &words, HQ_EXIT_DONE, "rotate", "--force");
    assert_int_equal(headquarters_run(h, &words, "keys", "rotate", "--authority", "--force", NULL),
                     HQ_EXIT_DONE);
    device_served(&past, device_sync(&past));
    gather(&s, h, before);
    outpost_stop(w->o);
    for (int key = 0; key < KINDS; key++) {
        for (int authority = 0; authority < KINDS; authority++) {
            int strange = key == STRANGE || authority == STRANGE;
            meet(w, &s, &w->device, key, authority, key == FORMER && authority == FORMER);
            meet(w, &s, &told, key, authority, !strange);
            meet(w, &s, &past, key, authority, key == PRESENT && authority == PRESENT);
        }
    }
    outpost_serve(w->o);
    device_served(&told, device_sync(&told));
    device_served(&past, device_sync(&past));
    rove_pki_authority_free(s.strange);
    device_close(&told);
    device_close(&past);
}

int main(void) {
#define OVER_A_SERVER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        OVER_A_SERVER(what_a_device_was_told_is_known),
        OVER_A_SERVER(a_device_that_was_told_comes_back_after_weeks),
        OVER_A_SERVER(a_device_that_knew_nothing_needs_a_code_and_keeps_its_work),
        OVER_A_SERVER(a_device_that_was_away_for_two_rotations_needs_a_code),
        OVER_A_SERVER(another_next_key_is_told_like_the_first),
        OVER_A_SERVER(an_authority_follows_another_while_a_device_is_away),
        OVER_A_SERVER(key_and_authority_are_rotated_while_a_device_is_away),
        OVER_A_SERVER(a_device_that_knew_no_next_authority_needs_a_code),
        OVER_A_SERVER(a_former_authority_that_was_ended_lets_nobody_in),
        OVER_A_SERVER(an_ended_authority_does_not_live_on_in_a_connection),
        OVER_A_SERVER(who_was_told_what_trusts_whom),
        OVER_A_SERVER(the_former_key_is_good_for_nothing_once_a_device_came),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
