/*
 * sim/network.c - the transport of a simulated device: a request goes to headquarters piece by piece and its answer comes
 * back, each piece after some time, in which others go on; and at any byte it can end, in all the ways in which networks do.
 */
#include "world.h"

#include <string.h>

#include "client/drop_post.h"
#include "sync/enroll.h"
#include "wire/order.h"

#define PIECE_MAX ((size_t)16 * 1024)
#define BODY_MAX  ((size_t)64 * 1024 * 1024)

/* What goes wrong with one request. */
typedef struct weather {
    int64_t latency_ms;
    size_t piece;       /* bytes at a time */
    size_t cut_body;    /* the request ends after so many bytes; SIZE_MAX: it does not */
    size_t cut_answer;  /* the answer does */
    int seems_complete; /* and looks as if it had been all */
    int captive;        /* somebody else answers */
    int slow_commit;    /* headquarters takes its time between batches */
    int late;           /* it is judged when the device has long given up */
    int forged, gap;    /* somebody else sends the like of it before */
    uint64_t later_in;  /* a call of the store says LATER; 0: none */
} weather;

static weather draw_weather(device *d) {
    weather x = {
        .latency_ms = 20, .piece = PIECE_MAX, .cut_body = SIZE_MAX, .cut_answer = SIZE_MAX};
    sim_dice *dice = &d->air;
    if (d->w->calm) {
        return x;
    }
    x.latency_ms = 50 + (int64_t)sim_below(dice, 500);
    x.slow_commit = 1;
    x.cut_answer = d->deaf ? 0 : SIZE_MAX;
    if (d->faults == 0 || d->deaf) {
        return x;
    }
    x.latency_ms = 1 + (int64_t)sim_below(dice, sim_chance(dice, 200) ? 30000 : 1000);
    x.piece = sim_chance(dice, 100) ? 1 + sim_below(dice, 64)
                                    : PIECE_MAX - sim_below(dice, PIECE_MAX - 256);
    x.slow_commit = sim_chance(dice, 500);
    switch (sim_below(dice, 10)) {
    case 0:
        x.cut_body = sim_below(dice, 2000);
        break;
    case 1: /* all was received, nothing of the answer is */
        x.cut_answer = 0;
        break;
    case 2:
        x.cut_answer = sim_below(dice, 3000);
        break;
    case 3:
        x.cut_answer = sim_below(dice, 100000);
        x.seems_complete = sim_chance(dice, 300);
        break;
    case 4:
        x.captive = sim_chance(dice, 300);
        break;
    default:
        break;
    }
    sim_dice *beside = &d->beside;
    x.late = sim_chance(beside, 60);
    x.forged = sim_chance(beside, 60);
    x.gap = sim_chance(beside, 500);
    x.later_in = sim_chance(beside, 100) ? 1 + sim_below(beside, 12) : 0;
    return x;
}

/* Lets time pass, in which others go on. 0: the device is not there any more. */
static int pass(device *d, int64_t ms) {
    if (sim_fiber_self() == NULL) {
        return !d->machine.disk.off;
    }
    if (!d->dying) {
        d->wake_ms = d->w->now_ms + ms;
        sim_fiber_wait();
    }
    return !d->dying;
}

static rove_status lost(device *d) {
    d->w->counts->cuts_of_network++;
    return ROVE_NETWORK;
}

/* ---- enrolment ------------------------------------------------------------------------------------------ */

static rove_status read_all(const rove_request *request, rove__buf *body) {
    uint8_t bytes[4096];
    size_t size = 1;
    while (request->read_body != NULL && size > 0) {
        rove_status status = request->read_body(request->ctx, bytes, sizeof bytes, &size);
        if (status != ROVE_OK) {
            return status;
        }
        rove__buf_append(body, bytes, size);
    }
    return rove__buf_status(body);
}

static rove_status exchange_identity(device *d, const rove_request *request, const weather *x,
                                     rove__buf *body, rove__buf *answer) {
    rove__bytes shown = {request->certificate_der, request->certificate_size};
    static const uint8_t nonce[ROVE_ENROLL_NONCE_SIZE] = {9, 8, 7};
    if (x->cut_body != SIZE_MAX) {
        return lost(d);
    }
    if (strstr(request->url, ROVE_DROP_PATH) != NULL) {
        notes_leave(d);
        office_remember_drop(&d->w->office, body);
        return office_drop(&d->w->office, body->data, body->size, answer);
    }
    if (strstr(request->url, ROVE_ORDER_PATH) != NULL) {
        return office_order(&d->w->office, shown, answer);
    }
    if (strcmp(request->method, "GET") == 0) {
        rove__buf_append(answer, nonce, sizeof nonce);
        return d->w->office.hq == NULL ? ROVE_NETWORK : ROVE_OK;
    }
    if (strstr(request->url, "/v1/renew") != NULL) {
        return office_renew(&d->w->office, shown, (rove__bytes){body->data, body->size}, answer);
    }
    return office_enrol(&d->w->office, shown, (rove__bytes){body->data, body->size}, d->wanted,
                        answer);
}

static rove_status whole_request(device *d, const rove_request *request, const weather *x) {
    rove_allocator allocator = sim_machine_allocator(&d->machine);
    rove__buf body;
    rove__buf answer;
    rove__buf_init(&body, &allocator, BODY_MAX);
    rove__buf_init(&answer, &allocator, BODY_MAX);
    rove_status status = read_all(request, &body);
    if (status == ROVE_OK && !pass(d, x->latency_ms)) {
        status = ROVE_NETWORK;
    }
    if (status == ROVE_OK) {
        status = exchange_identity(d, request, x, &body, &answer);
    }
    if (status == ROVE_OK && (x->cut_answer != SIZE_MAX || !pass(d, x->latency_ms))) {
        status = lost(d);
    }
    if (status == ROVE_OK) {
        status = request->write_answer(request->ctx, answer.data, answer.size);
    }
    rove__buf_free(&body);
    rove__buf_free(&answer);
    return status;
}

/* ---- an exchange ---------------------------------------------------------------------------------------- */

static rove_status send_body(device *d, const rove_request *request, const weather *x, session *s,
                             rove__buf *copy, rove_response *response) {
    uint8_t bytes[PIECE_MAX];
    size_t size = 1;
    size_t sent = 0;
    rove_status status = ROVE_OK;
    while (status == ROVE_OK && size > 0) {
        status = request->read_body(request->ctx, bytes, x->piece, &size);
        if (status != ROVE_OK || size == 0) {
            return status;
        }
        if (sent + size > x->cut_body) {
            (void)office_receive(&d->w->office, s, bytes, x->cut_body - sent);
            return lost(d);
        }
        if (!pass(d, x->latency_ms / 4)) {
            return ROVE_NETWORK;
        }
        status = office_receive(&d->w->office, s, bytes, size);
        rove__buf_append(copy, bytes, size);
        sent += size;
        response->bytes_sent += (int64_t)size;
    }
    return status;
}

static rove_status judge(device *d, const weather *x, session *s) {
    int again = 1;
    rove_status status = office_received(&d->w->office, s);
    while (status == ROVE_OK && again) {
        late_fails_in(x->later_in);
        status = office_commit(&d->w->office, s, &again);
        late_fails_in(0);
        if (status == ROVE_OK && again && x->slow_commit && !pass(d, x->latency_ms)) {
            status = ROVE_NETWORK;
        }
    }
    return status;
}

static rove_status take_answer(device *d, const rove_request *request, const weather *x, session *s,
                               rove_response *response) {
    uint8_t bytes[PIECE_MAX];
    size_t size = 1;
    size_t taken = 0;
    while (size > 0) {
        rove_status status = office_answer(&d->w->office, s, bytes, x->piece, &size);
        if (status != ROVE_OK) {
            return status;
        }
        if (!pass(d, x->latency_ms / 4)) {
            return ROVE_NETWORK;
        }
        int cut = taken + size > x->cut_answer;
        size_t part = cut ? x->cut_answer - taken : size;
        d->hears |= part > 0;
        if (part > 0) {
            leases_contact(d);
            status = request->write_answer(request->ctx, bytes, part);
        }
        if (status != ROVE_OK || cut) {
            d->w->counts->cuts_of_network += (uint64_t)cut;
            return status != ROVE_OK ? status : x->seems_complete ? ROVE_OK : ROVE_TRUNCATED;
        }
        taken += size;
        response->bytes_received += (int64_t)size;
    }
    return ROVE_OK;
}

static rove_status exchange(device *d, const rove_request *request, const weather *x,
                            rove_response *response) {
    rove_allocator allocator = sim_machine_allocator(&d->machine);
    session *s = NULL;
    rove__buf copy;
    if (!pass(d, x->latency_ms)) {
        return ROVE_NETWORK;
    }
    if (x->captive) {
        return ROVE_NOT_ROVE;
    }
    rove__bytes shown = {request->certificate_der, request->certificate_size};
    rove_status status = office_open(&d->w->office, shown, &s);
    if (status != ROVE_OK) {
        return status;
    }
    rove__buf_init(&copy, &allocator, BODY_MAX);
    status = send_body(d, request, x, s, &copy, response);
    if (status == ROVE_OK && x->forged) {
        late_forge(d, &copy, s->replica, x->gap);
    }
    if (status == ROVE_OK && x->late && late_keep(&d->w->office, s)) {
        (void)office_received(&d->w->office, s);
        rove__buf_free(&copy);
        return lost(d);
    }
    if (status == ROVE_OK) {
        status = judge(d, x, s);
        if (status == ROVE_OK && copy.size > 0) {
            office_remember(&d->w->office, &copy, s->replica);
        }
    }
    if (status == ROVE_OK && !pass(d, x->latency_ms)) {
        status = ROVE_NETWORK;
    }
    if (status == ROVE_OK) {
        status = take_answer(d, request, x, s, response);
    }
    rove__buf_free(&copy);
    office_close(&d->w->office, s);
    return status;
}

static rove_status perform(void *ctx, const rove_request *request, rove_response *response,
                           rove_error *error) {
    device *d = ctx;
    weather x = draw_weather(d);
    claims_ask(d);
    memset(response, 0, sizeof *response);
    rove_status status = strstr(request->url, "/v1/exchange") != NULL
                             ? exchange(d, request, &x, response)
                             : whole_request(d, request, &x);
    if (status != ROVE_OK) {
        if (error != NULL && error->message[0] == '\0') {
            snprintf(error->message, sizeof error->message, "simulated: %s",
                     rove_status_name(status));
        }
        return status;
    }
    response->http_status = 200;
    return ROVE_OK;
}

rove_transport network_transport(device *d) {
    return (rove_transport){perform, d};
}
