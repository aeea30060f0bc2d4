/*
 * test_certificate_matrix.c - the matrix of wrong servers: what stands where headquarters stood, against devices whose
 * clocks are right, in 1970 and in 2100, that know the time, that were restarted, and that have yet to enrol. A server
 * that cannot show headquarters' certificate never sees a byte of a request; nothing that any of them does costs a device its
 * work; and headquarters itself is never refused for a device's clock.
 *
 * The devices are whole ones, over libcurl and TLS; the servers stand at the very port that headquarters had.
 */
#include "outpost.h"

#include "keys.h"
#include "tls_server.h"

#define YEAR_2100_MS INT64_C(4102444800000)
#define HOUR_MS      INT64_C(3600000)
#define LATER_MS     (21 * ROVE_PKI_DAY_MS)

enum { CLOCK_RIGHT, CLOCK_1970, CLOCK_2100, CLOCKS };

static const char *const clock_names[CLOCKS] = {"right", "1970", "2100"};

/* What a device knows of the time. */
enum { NEW, KNOWING, RESTARTED, STATES };

static const char *const state_names[STATES] = {"new", "knowing", "restarted"};

typedef struct world {
    outpost *o;
    device devices[STATES][CLOCKS];
} world;

/* ---- devices -------------------------------------------------------------------------------------------- */

static void set_clock(device *d, int which) {
    rove_clock real;
    rove_posix_clock(&real);
    real.read(real.ctx, &d->now);
    if (which != CLOCK_RIGHT) {
        d->now.wall_ms = which == CLOCK_1970 ? HOUR_MS : YEAR_2100_MS;
    }
}

static void restart(device *d) {
    d->now.boot_id[0] ^= 1;
    d->now.boot_ms = 10;
}

static void write_account(device *d) {
    rove_field fields[] = {{"name", rove_text("written offline")}};
    rove_id id = 0;
    assert_int_equal(rove_insert(d->replica, "Account", fields, 1, &id, &d->error), ROVE_OK);
}

/* ---- the world ------------------------------------------------------------------------------------------ */

/* Devices of each state and clock; those that are not new have work that waits. */
static int set_up(void **state) {
    char folder[32];
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->o = outpost_start();
    for (int s = NEW; s < STATES; s++) {
        for (int c = 0; c < CLOCKS; c++) {
            device *d = &w->devices[s][c];
            (void)snprintf(folder, sizeof folder, "%s_%s", state_names[s], clock_names[c]);
            device_open(w->o, d, folder);
            set_clock(d, c);
            device_invite(w->o, d);
            if (s != NEW) {
                device_served(d, device_enrol(w->o, d));
                device_served(d, device_sync(d));
                write_account(d);
            }
            if (s == RESTARTED) {
                restart(d);
            }
        }
    }
    *state = w;
    return 0;
}

static int tear_down(void **state) {
    world *w = *state;
    for (int s = NEW; s < STATES; s++) {
        for (int c = 0; c < CLOCKS; c++) {
            device_close(&w->devices[s][c]);
        }
    }
    outpost_end(w->o);
    free(w);
    return 0;
}

/* ---- wrong servers -------------------------------------------------------------------------------------- */

typedef enum shown {
    SHOWN_OTHER_AUTHORITY, /* of the same name as ours, and for the right address */
    SHOWN_OTHER_NAME,
    SHOWN_EXPIRED,
    SHOWN_EXPIRED_OWN_KEY, /* headquarters' own key, which alone would hold */
    SHOWN_NOT_YET,
    SHOWN_SELF_SIGNED,
    SHOWN_OTHER_KEY, /* all is right but the key, which nobody has pinned */
    SHOWN_OWN        /* headquarters' */
} shown;

#define HTML_HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n"
#define CUT       "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.rove."

static const tls_route login_page[] = {
    {"/v1/enroll", HTML_HEAD "<html>", TLS_CLOSE, 0},
    {"/v1/exchange", HTML_HEAD "<html>", TLS_CLOSE, 0},
    {NULL, NULL, TLS_KEEP, 0},
};

/* Ends in the middle of the answer, without the goodbye of TLS. */
static const tls_route cut_off[] = {
    {"/v1/enroll", CUT "nonce\r\nContent-Length: 32\r\n\r\n12345678", TLS_CUT, 0},
    {"/v1/exchange", CUT "exchange\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n", TLS_CUT, 0},
    {NULL, NULL, TLS_KEEP, 0},
};

typedef struct liar {
    const char *name;
    shown shows;
    tls_manner manner;
    const tls_route *routes;
    rove_status status;    /* what every device says */
    const char *says;      /* a part of what a device that knows the time says */
    const char *restarted; /* and one that was restarted */
    int heard; /* it has headquarters' own certificate, so that the request reaches it */
} liar;

#define AUTHORITY "authority that this device trusts"
#define PINNED    "not the one that is pinned"

static const liar liars[] = {
    {"another authority", SHOWN_OTHER_AUTHORITY, TLS_MANNER_NORMAL, login_page, ROVE_TLS, AUTHORITY,
     AUTHORITY, 0},
    {"another name", SHOWN_OTHER_NAME, TLS_MANNER_NORMAL, login_page, ROVE_TLS, "not for this name",
     "not for this name", 0},
    {"expired", SHOWN_EXPIRED, TLS_MANNER_NORMAL, login_page, ROVE_TLS, "expired", "expired", 0},
    {"expired, with headquarters' key", SHOWN_EXPIRED_OWN_KEY, TLS_MANNER_NORMAL, login_page,
     ROVE_TLS, "expired", "expired", 0},
    {"not valid yet", SHOWN_NOT_YET, TLS_MANNER_NORMAL, login_page, ROVE_TLS, "not valid yet",
     PINNED, 0},
    {"signed by itself", SHOWN_SELF_SIGNED, TLS_MANNER_NORMAL, login_page, ROVE_TLS, AUTHORITY,
     AUTHORITY, 0},
    {"a key that nobody pinned", SHOWN_OTHER_KEY, TLS_MANNER_NORMAL, login_page, ROVE_TLS, PINNED,
     PINNED, 0},
    {"TLS 1.2", SHOWN_OWN, TLS_MANNER_TLS12, login_page, ROVE_TLS, "TLS 1.3", "TLS 1.3", 0},
    {"a login page in clear", SHOWN_OWN, TLS_MANNER_PLAIN, login_page, ROVE_NOT_ROVE, "login page",
     "login page", 0},
    {"a hang-up", SHOWN_OWN, TLS_MANNER_HANGUP, login_page, ROVE_NETWORK, "broke off", "broke off",
     0},
    {"a login page behind headquarters' certificate", SHOWN_OWN, TLS_MANNER_NORMAL, login_page,
     ROVE_NOT_ROVE, "login page", "login page", 1},
    {"a cut without goodbye", SHOWN_OWN, TLS_MANNER_NORMAL, cut_off, ROVE_TRUNCATED, "broke off",
     "broke off", 1},
};

typedef struct stand {
    rove_pki_bytes key;
    rove_pki_bytes certificate;
    tls_server *server;
} stand;

static void show_other(stand *self) {
    rove_pki_bytes ca;
    rove_pki_bytes ca_key;
    rove_pki_authority *authority = NULL;
    const char *name = "127.0.0.1";
    rove_clock clock;
    rove_clock_reading now;
    rove_posix_clock(&clock);
    clock.read(clock.ctx, &now);
    assert_int_equal(rove_pki_authority_make("Acme Field Sales", now.wall_ms, &ca_key, &ca, NULL),
                     ROVE_OK);
    assert_int_equal(rove_pki_authority_open(&ca_key, &ca, &authority, NULL), ROVE_OK);
    assert_int_equal(rove_pki_server_issue(authority, &name, 1, now.wall_ms, &self->key,
                                           &self->certificate, NULL),
                     ROVE_OK);
    rove_pki_authority_free(authority);
}

static void show(world *w, stand *self, shown what) {
    const hq_keys *keys = hq_get_keys(w->o->h.hq);
    const char *name = what == SHOWN_OTHER_NAME ? "other.example.com" : "127.0.0.1";
    int64_t at_ms = hq_now_ms(w->o->h.hq);
    switch (what) {
    case SHOWN_OWN:
        self->key = keys->own.pem;
        self->certificate = keys->server;
        return;
    case SHOWN_OTHER_AUTHORITY:
        show_other(self);
        return;
    case SHOWN_SELF_SIGNED:
        assert_int_equal(
            rove_pki_authority_make("127.0.0.1", at_ms, &self->key, &self->certificate, NULL),
            ROVE_OK);
        return;
    case SHOWN_EXPIRED:
    case SHOWN_EXPIRED_OWN_KEY:
        at_ms -= (ROVE_PKI_SERVER_DAYS + 1) * ROVE_PKI_DAY_MS;
        break;
    case SHOWN_NOT_YET:
        at_ms += ROVE_PKI_DAY_MS;
        break;
    case SHOWN_OTHER_NAME:
    case SHOWN_OTHER_KEY:
        break;
    }
    if (what == SHOWN_EXPIRED_OWN_KEY) {
        self->key = keys->own.pem;
        assert_int_equal(rove_pki_server_renew(keys->authority, &self->key, &name, 1, at_ms,
                                               &self->certificate, NULL),
                         ROVE_OK);
    } else {
        assert_int_equal(rove_pki_server_issue(keys->authority, &name, 1, at_ms, &self->key,
                                               &self->certificate, NULL),
                         ROVE_OK);
    }
}

static void take_place(world *w, stand *self, const liar *as) {
    show(w, self, as->shows);
    const tls_server_options options = {.certificate_der = self->certificate.data,
                                        .certificate_size = self->certificate.size,
                                        .key_pem = self->key.data,
                                        .key_size = self->key.size,
                                        .manner = as->manner,
                                        .port = w->o->port,
                                        .routes = as->routes};
    self->server = tls_server_start(&options);
}

/* A new device trusts the pin of its code alone: who has that key is headquarters, also with a certificate that ended. */
static int concerns(const liar *as, int state) {
    return state != NEW || as->shows != SHOWN_EXPIRED_OWN_KEY;
}

static void assert_refused(world *w, const stand *at, const liar *as, int state, int which) {
    device *d = &w->devices[state][which];
    const char *says = state == KNOWING ? as->says : state == RESTARTED ? as->restarted : "";
    int64_t received = tls_server_received(at->server);
    int connections = tls_server_connections(at->server);
    rove_status status = state == NEW ? device_enrol(w->o, d) : device_sync(d);
    if (status != as->status || strstr(d->error.message, says) == NULL) {
        fail_msg("%s, %s, clock %s: %s: %s", as->name, state_names[state], clock_names[which],
                 rove_status_name(status), d->error.message);
    }
    assert_true(tls_server_connections(at->server) > connections);
    if (!as->heard && tls_server_received(at->server) != received) {
        fail_msg("%s, %s, clock %s: it was sent something", as->name, state_names[state],
                 clock_names[which]);
    }
    assert_int_equal(device_state(d).enrolled, state != NEW);
    assert_int_equal(device_state(d).pending, state != NEW);
}

static void test_no_wrong_server_hears_a_request(void **state) {
    world *w = *state;
    outpost_stop(w->o);
    for (size_t i = 0; i < sizeof liars / sizeof *liars; i++) {
        stand at = {.server = NULL};
        take_place(w, &at, &liars[i]);
        for (int s = NEW; s < STATES; s++) {
            for (int c = 0; c < CLOCKS && concerns(&liars[i], s); c++) {
                assert_refused(w, &at, &liars[i], s, c);
            }
        }
        tls_server_stop(at.server);
    }
    /* Headquarters is back, and gets all. */
    outpost_serve(w->o);
    for (int c = 0; c < CLOCKS; c++) {
        device_served(&w->devices[NEW][c], device_enrol(w->o, &w->devices[NEW][c]));
        for (int s = NEW; s < STATES; s++) {
            device_served(&w->devices[s][c], device_sync(&w->devices[s][c]));
        }
    }
}

/* ---- headquarters itself -------------------------------------------------------------------------------- */

static void turn(device *d, int which) {
    const rove_clock_reading before = d->now;
    set_clock(d, which);
    d->now.boot_ms = before.boot_ms + 1000;
    memcpy(d->now.boot_id, before.boot_id, sizeof before.boot_id);
}

/* From enrolment on, through a restart with each clock, after a renewal of the server's certificate, and renewing its own. */
static void test_an_honest_device_is_never_refused_for_its_clock(void **state) {
    world *w = *state;
    const int64_t until_ms = hq_now_ms(w->o->h.hq) + (ROVE_PKI_DEVICE_DAYS + 1) * ROVE_PKI_DAY_MS;
    said s;
    for (int c = 0; c < CLOCKS; c++) {
        device *d = &w->devices[NEW][c];
        device_served(d, device_enrol(w->o, d));
        for (int then = 0; then < CLOCKS; then++) {
            turn(d, then);
            write_account(d);
            device_served(d, device_sync(d));
            restart(d);
            write_account(d);
            device_served(d, device_sync(d));
        }
    }
    /* Later the server's certificate is a new one, and theirs are to be renewed. */
    w->o->h.clock.offset_ms = LATER_MS;
    assert_int_equal(headquarters_run(&w->o->h, &s, "renew-server", NULL), HQ_EXIT_DONE);
    for (int c = 0; c < CLOCKS; c++) {
        for (int t = NEW; t < STATES; t++) {
            device *d = &w->devices[t][c];
            d->now.boot_ms += LATER_MS;
            device_served(d, device_sync(d));
            write_account(d);
            device_served(d, device_sync(d));
            assert_true(device_state(d).certificate_until_ms > until_ms);
        }
    }
    w->o->h.clock.offset_ms = 0;
}

/* ---- a device that headquarters turns down -------------------------------------------------------------- */

static void each_enrolled(world *w, void (*act)(world *w, device *d)) {
    for (int s = KNOWING; s < STATES; s++) {
        for (int c = 0; c < CLOCKS; c++) {
            act(w, &w->devices[s][c]);
        }
    }
}

static void revoke(world *w, device *d) {
    device_revoke(w->o, d);
}

static void assert_turned_away(world *w, device *d) {
    (void)w;
    assert_int_equal(device_sync(d), ROVE_REVOKED);
    assert_int_equal(device_state(d).pending, 1);
}

/* Headquarters takes nothing from it, and the work stays where it is. */
static void test_a_revoked_device_is_refused_by_any_clock(void **state) {
    world *w = *state;
    said before;
    said after;
    each_enrolled(w, revoke);
    assert_int_equal(headquarters_run(&w->o->h, &before, "status", NULL), HQ_EXIT_DONE);
    each_enrolled(w, assert_turned_away);
    each_enrolled(w, assert_turned_away);
    assert_int_equal(headquarters_run(&w->o->h, &after, "status", NULL), HQ_EXIT_DONE);
    assert_string_equal(before.out, after.out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_no_wrong_server_hears_a_request),
        TEST(test_an_honest_device_is_never_refused_for_its_clock),
        TEST(test_a_revoked_device_is_refused_by_any_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
